/**
 * Collects the health of this process: one state per part of the program, with a sentence for a person.
 *
 * `degraded` means that the ledger answers but a person should look (a parked customer); `down` means that a part does
 * not do its work at the moment (DynamoDB or NATS cannot be reached, a loop failed).
 */

type HealthState = 'ok' | 'degraded' | 'down'

export type HealthEntry = { readonly state: HealthState; readonly detail: string }

export type Health = {
  /** Sets a part's state; `detail` says why it is not ok. */
  readonly report: (part: string, state: HealthState, detail?: string) => void
  /** Reports a part as down for good. Only a new process can mend it, so this process has to end. */
  readonly giveUp: (part: string, detail: string) => void
  /** Resolves with the `detail` of the first call of `giveUp`. */
  readonly gaveUp: Promise<string>
  /** The entry of one part; undefined before its first report. */
  readonly of: (part: string) => HealthEntry | undefined
  /** The worst state of all parts, and each part's own. */
  readonly read: () => { state: HealthState; parts: Readonly<Record<string, HealthEntry>> }
}

const SEVERITY: readonly HealthState[] = ['ok', 'degraded', 'down']

const worst = (a: HealthState, b: HealthState): HealthState =>
  SEVERITY.indexOf(a) >= SEVERITY.indexOf(b) ? a : b

/** Calls `onChange` (the log) once for every change. The first report of a part is no change. */
export const createHealth = (onChange: (part: string, entry: HealthEntry) => void): Health => {
  const parts = new Map<string, HealthEntry>()
  let end = (_detail: string): void => undefined
  const gaveUp = new Promise<string>(resolve => {
    end = resolve
  })

  const report: Health['report'] = (part, state, detail = '') => {
    const before = parts.get(part)
    const entry = { state, detail }
    parts.set(part, entry)
    const is_change = before !== undefined && (before.state !== state || before.detail !== detail)
    if (is_change) onChange(part, entry)
  }

  return {
    report,
    giveUp: (part, detail) => {
      report(part, 'down', detail)
      end(detail)
    },
    gaveUp,
    of: part => parts.get(part),
    read: () => ({
      state: [...parts.values()].map(({ state }) => state).reduce(worst, 'ok'),
      parts: Object.fromEntries(parts),
    }),
  }
}

/** The same health for a second part of one kind (a second connection): it reports each part under another name. */
export const renamed = (health: Health, nameOf: (part: string) => string): Health => ({
  report: (part, state, detail) => health.report(nameOf(part), state, detail),
  giveUp: (part, detail) => health.giveUp(nameOf(part), detail),
  gaveUp: health.gaveUp,
  of: part => health.of(nameOf(part)),
  read: health.read,
})
