/**
 * What this process knows of its own health: one entry per part, with a sentence for a person.
 *
 * `degraded` means that the ledger answers but somebody should look (a parked customer); `down` that a part does not
 * do its work at the moment (DynamoDB or NATS away, a loop that failed).
 */

export type HealthState = 'ok' | 'degraded' | 'down'

export type HealthEntry = { readonly state: HealthState; readonly detail: string }

export type Health = {
  /** Sets a part's state; `detail` says why it is not ok. */
  readonly report: (part: string, state: HealthState, detail?: string) => void
  /** The worst state of all parts, and each part's own. */
  readonly read: () => { state: HealthState; parts: Readonly<Record<string, HealthEntry>> }
}

const SEVERITY: readonly HealthState[] = ['ok', 'degraded', 'down']

const worst = (a: HealthState, b: HealthState): HealthState =>
  SEVERITY.indexOf(a) >= SEVERITY.indexOf(b) ? a : b

/** Every change is told to `onChange` once (the log); that a part begins is none. */
export const createHealth = (onChange: (part: string, entry: HealthEntry) => void): Health => {
  const parts = new Map<string, HealthEntry>()
  return {
    report: (part, state, detail = '') => {
      const before = parts.get(part)
      const entry = { state, detail }
      parts.set(part, entry)
      const isNews = before !== undefined && (before.state !== state || before.detail !== detail)
      if (isNews) onChange(part, entry)
    },
    read: () => ({
      state: [...parts.values()].map(({ state }) => state).reduce(worst, 'ok'),
      parts: Object.fromEntries(parts),
    }),
  }
}
