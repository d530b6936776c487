/**
 * Faults of the law of accounts, of the clock, of the sweeper and of reversals, each of which a spec has to see. A fault is a few
 * words of a source file that are replaced while the spec runs (law-mutant.vitest.ts).
 */

export type LawMutant = {
  /** What the changed program does. */
  readonly fault: string
  /** The path below src, without the file name extension. */
  readonly file: string
  readonly from: string
  readonly to: string
  /** The spec that has to fail, below src. */
  readonly seen_by: string
}

const HOLDS = 'ledger/holds.unit.spec.ts'
const RULES = 'ledger/rules.unit.spec.ts'
const ACCOUNTS = 'ledger/accounts.unit.spec.ts'

const law = (fault: string, from: string, to: string, seen_by: string): LawMutant => ({
  ...{ fault, file: 'ledger/apply-rules', from, to, seen_by },
})
const rules = (fault: string, from: string, to: string, seen_by: string): LawMutant => ({
  ...{ fault, file: 'ledger/rules', from, to, seen_by },
})

const IN_THE_LAW: readonly LawMutant[] = [
  law(
    'a capture takes more than the hold has',
    "if (amount > hold.amount) return refused(now, 'HOLD_EXCEEDED'",
    "if (amount < 0n) return refused(now, 'HOLD_EXCEEDED'",
    HOLDS,
  ),
  law(
    'what is held can be spent too',
    'account.balance - rules.held + rules.limit',
    'account.balance + rules.limit',
    HOLDS,
  ),
  law(
    'a credit limit allows nothing',
    'account.balance - rules.held + rules.limit',
    'account.balance - rules.held',
    RULES,
  ),
  law(
    'two open holds have one id',
    "if (holdOf(rules, id) !== undefined) return refused(now, 'HOLD_EXISTS'",
    "if (id === '') return refused(now, 'HOLD_EXISTS'",
    HOLDS,
  ),
  law('257 holds are open', 'rules.holds.length >= HOLDS_MAX', 'rules.holds.length > HOLDS_MAX', HOLDS),
  law('a frozen account pays what it holds', "capture: ['frozen', 'closed']", "capture: ['closed']", RULES),
  law('an account with money is closed', '(account.balance !== 0n || held !== 0n)', '(held !== 0n)', RULES),
  law(
    'the time of an account goes back',
    'Math.max(rules.time_ms, timeOf(event, at.getTime()))',
    'timeOf(event, at.getTime())',
    ACCOUNTS,
  ),
  law(
    'a publisher makes it an hour later',
    'CLAIMED_TIME_MS_MAX = 60_000',
    'CLAIMED_TIME_MS_MAX = 3_600_000',
    ACCOUNTS,
  ),
  law(
    'a hold is said to have expired before it does',
    "if (hold.expires_ms > now.time_ms) return refused(now, 'NOT_EXPIRED'",
    "if (hold.expires_ms < 0) return refused(now, 'NOT_EXPIRED'",
    HOLDS,
  ),
  rules(
    'the last capture leaves the rest held',
    'ends ? 0n : hold.amount - amount',
    'hold.amount - amount',
    HOLDS,
  ),
  rules(
    'a hold counts at its end still',
    '({ expires_ms }) => expires_ms > time_ms',
    '({ expires_ms }) => expires_ms >= time_ms',
    HOLDS,
  ),
  rules(
    'a restriction never ends',
    '(rules.restriction?.until_ms ?? Number.POSITIVE_INFINITY) <= time_ms',
    '(0 > time_ms)',
    RULES,
  ),
]

const IN_THE_CLOCK: readonly LawMutant[] = [
  {
    fault: 'an event of an account with rules does not say when it was decided',
    file: 'ledger/decide',
    from: 'if (account.rules !== undefined || makesTimed(event)) {',
    to: 'if (makesTimed(event)) {',
    seen_by: 'ledger/decide.unit.spec.ts',
  },
  {
    fault: 'a leader with another clock is not noticed',
    file: 'commands/group-commit/on-time',
    from: 'Math.abs(found.right.at.getTime() - decided_ms) <= CLAIMED_TIME_MS_MAX',
    to: 'found.right.at.getTime() > 0',
    seen_by: 'commands/group-commit/rules.int.spec.ts',
  },
  {
    fault: 'a time that is 10 s off or worse is decided at',
    file: 'stream/server-clock',
    from: 'error_ms > ERROR_MS_MAX',
    to: 'error_ms < 0',
    seen_by: 'stream/server-clock.unit.spec.ts',
  },
  {
    fault: 'what is over is taken from the estimate as if it were exact',
    file: 'stream/server-clock',
    from: 'estimate.now_ms - estimate.error_ms',
    to: 'estimate.now_ms',
    seen_by: 'stream/server-clock.unit.spec.ts',
  },
]

const IN_THE_SWEEPER: readonly LawMutant[] = [
  {
    fault: 'every open hold is swept',
    file: 'ledger/expire',
    from: 'if (expires_ms > now.getTime()) continue',
    to: 'if (expires_ms < 0) continue',
    seen_by: 'ledger/expire.unit.spec.ts',
  },
  {
    fault: 'two instances sweep one hold',
    file: 'commands/sweeper/sweep',
    from: 'expected_last_subject_seq: index === 0 ? last_seq : undefined',
    to: 'expected_last_subject_seq: undefined',
    seen_by: 'commands/sweeper/sweep.int.spec.ts',
  },
  {
    fault: 'an account in memory has its expired holds for ever',
    file: 'ledger/rules',
    from: 'const time_ms = Math.max(rules.time_ms, now_ms)',
    to: 'const time_ms = rules.time_ms',
    seen_by: RULES,
  },
]

const REVERSALS = 'commands/reversal/reversals.int.spec.ts'

const IN_REVERSALS: readonly LawMutant[] = [
  {
    fault: 'a transaction is reversed again and again',
    file: 'ledger/reversal',
    from: 'left - each.amount',
    to: 'left - 0n * each.amount',
    seen_by: REVERSALS,
  },
  {
    fault: 'more is reversed than is left',
    file: 'ledger/reversal',
    from: 'if (amount > left) return',
    to: 'if (amount < 0n) return',
    seen_by: REVERSALS,
  },
  {
    fault: 'two instances reverse the rest, each under a number of its own',
    file: 'ledger/reversal',
    from: '(numbered.at(-1)?.number ?? 0) + 1',
    to: '(numbered.at(-1)?.number ?? 0) + 1 + (process.hrtime()[1] % 100)',
    seen_by: REVERSALS,
  },
]

export const LAW_MUTANTS: readonly LawMutant[] = [
  ...IN_THE_LAW,
  ...IN_THE_CLOCK,
  ...IN_THE_SWEEPER,
  ...IN_REVERSALS,
]

/** The environment variable that says which one the specs run with. */
export const LAW_MUTANT = 'LAW_MUTANT'
