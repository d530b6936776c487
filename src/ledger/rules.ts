/**
 * The rules of an account: holds, credit limit and restriction. A plain account has none of them.
 *
 * Some of them end by themselves at a time. Whether they count is a function of the state and the time, never an event:
 * `rulesAt` gives the rules at a time, and everything that judges or shows an account goes through it
 * (docs/adr/0051-accounts.md). All times are milliseconds since 1970, by the stream's clock.
 */

/** Money that is set aside. Its id is the transaction id of the event that made it; `amount` is what remains of it. */
export type Hold = { readonly id: string; readonly amount: bigint; readonly expires_ms: number }

/** The states in which an account takes fewer events than an active one. */
export const RESTRICTED_STATES = ['no_debit', 'no_credit', 'frozen', 'closed'] as const
export type RestrictedState = (typeof RESTRICTED_STATES)[number]

export type Restriction = {
  readonly state: RestrictedState
  readonly reason: string
  /** The restriction ends at this time; without it, a later event ends it. */
  readonly until_ms?: number
}

export type AccountRules = {
  /** The account's own time: no event turns it back. 0 while nothing of the account depends on time. */
  readonly time_ms: number
  /** The open holds, in the order in which they were made. */
  readonly holds: readonly Hold[]
  /** The sum of the open holds. */
  readonly held: bigint
  /** The balance may fall to the negative of this. */
  readonly limit: bigint
  readonly restriction?: Restriction
}

/** The rules of an account that has none. */
export const NO_RULES: AccountRules = { time_ms: 0, holds: [], held: 0n, limit: 0n }

/** The largest number of open holds of one account: its item stays below 40 KB, and a step of the fold below 50 us. */
export const HOLDS_MAX = 256

const areSameHolds = (a: readonly Hold[], b: readonly Hold[]): boolean =>
  a.length === b.length &&
  a.every(({ id, amount, expires_ms }, i) => {
    const other = b[i]
    return (
      other !== undefined && other.id === id && other.amount === amount && other.expires_ms === expires_ms
    )
  })

/** Whether two accounts have the same rules. */
export const areSameRules = (a: AccountRules | undefined, b: AccountRules | undefined): boolean => {
  if (a === undefined || b === undefined) return a === b
  const [r, s] = [a.restriction, b.restriction]
  return (
    a.time_ms === b.time_ms &&
    a.limit === b.limit &&
    r?.state === s?.state &&
    r?.reason === s?.reason &&
    r?.until_ms === s?.until_ms &&
    areSameHolds(a.holds, b.holds)
  )
}

/** The time at which the first of the open holds expires; undefined when no hold is open. */
export const firstExpiryMs = ({ holds }: AccountRules): number | undefined => {
  let first_ms: number | undefined
  for (const { expires_ms } of holds)
    if (first_ms === undefined || expires_ms < first_ms) first_ms = expires_ms
  return first_ms
}

/** Whether rules have something that ends by itself. */
export const isTimed = ({ holds, restriction }: AccountRules): boolean =>
  holds.length > 0 || restriction?.until_ms !== undefined

const withoutRestriction = ({ time_ms, holds, held, limit }: AccountRules): AccountRules => ({
  time_ms,
  holds,
  held,
  limit,
})

const withoutExpired = (rules: AccountRules, time_ms: number): AccountRules => {
  const holds = rules.holds.filter(({ expires_ms }) => expires_ms > time_ms)
  if (holds.length === rules.holds.length) return rules
  return { ...rules, holds, held: holds.reduce((sum, { amount }) => sum + amount, 0n) }
}

/** The rules at a time: holds that have expired and a restriction that has ended are gone. Time does not go back. */
export const rulesAt = (rules: AccountRules, now_ms: number): AccountRules => {
  if (!isTimed(rules)) return rules
  const time_ms = Math.max(rules.time_ms, now_ms)
  const is_over = (rules.restriction?.until_ms ?? Number.POSITIVE_INFINITY) <= time_ms
  return { ...withoutExpired(is_over ? withoutRestriction(rules) : rules, time_ms), time_ms }
}

/**
 * The rules as an account keeps them after an event at `time_ms`: undefined when they are those of a plain account, and
 * without a time when nothing depends on time any more.
 */
export const kept = (rules: AccountRules, time_ms: number): AccountRules | undefined => {
  if (isTimed(rules)) return rules.time_ms === time_ms ? rules : { ...rules, time_ms }
  if (rules.limit === 0n && rules.restriction === undefined) return undefined
  return rules.time_ms === 0 ? rules : { ...rules, time_ms: 0 }
}

/** The rules with another open hold. */
export const withHold = (rules: AccountRules, hold: Hold): AccountRules => ({
  ...rules,
  holds: [...rules.holds, hold],
  held: rules.held + hold.amount,
})

/** The rules after `amount` of a hold was used or given back; at nothing, or if it is to end, the hold is gone. */
export const withoutPart = (rules: AccountRules, hold: Hold, amount: bigint, ends: boolean): AccountRules => {
  const remaining = ends ? 0n : hold.amount - amount
  const holds =
    remaining === 0n
      ? rules.holds.filter(each => each !== hold)
      : rules.holds.map(each => (each === hold ? { ...hold, amount: remaining } : each))
  return { ...rules, holds, held: rules.held - hold.amount + remaining }
}
