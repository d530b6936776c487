/**
 * What this process knows of its own health: one entry per part, with a sentence for a person.
 *
 * `degraded` means that the ledger answers but somebody should look (a parked customer); `down` that a part does not
 * do its work at the moment (DynamoDB or NATS away, a loop that failed).
 */

type HealthState = 'ok' | 'degraded' | 'down'

export type HealthEntry = { readonly state: HealthState; readonly detail: string }

export type Health = {
  /** Sets a part's state; `detail` says why it is not ok. */
  readonly report: (part: string, state: HealthState, detail?: string) => void
  /** Reports a part as down that only a new process can mend: this one has to end. */
  readonly giveUp: (part: string, detail: string) => void
  /** Resolves with the detail of the first part that was given up. */
  readonly gaveUp: Promise<string>
  /** The worst state of all parts, and each part's own. */
  readonly read: () => { state: HealthState; parts: Readonly<Record<string, HealthEntry>> }
}

const SEVERITY: readonly HealthState[] = ['ok', 'degraded', 'down']

const worst = (a: HealthState, b: HealthState): HealthState =>
  SEVERITY.indexOf(a) >= SEVERITY.indexOf(b) ? a : b

/** Every change is told to `onChange` once (the log); that a part begins is none. */
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
    const isNews = before !== undefined && (before.state !== state || before.detail !== detail)
    if (isNews) onChange(part, entry)
  }

  return {
    report,
    giveUp: (part, detail) => {
      report(part, 'down', detail)
      end(detail)
    },
    gaveUp,
    read: () => ({
      state: [...parts.values()].map(({ state }) => state).reduce(worst, 'ok'),
      parts: Object.fromEntries(parts),
    }),
  }
}
