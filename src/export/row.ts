/**
 * The rows of an export of events, and what a reader of them may rely on.
 *
 * A stored event is only what somebody has published: it may be refused by the fold, or wait for a newer program, and what
 * it claims about the account (`after`) may be wrong. So each row says what the fold made of the event, and with which
 * balance (docs/adr/0002).
 */

/**
 * What became of an event: it counts (`applied`); it has no effect, for `reason` (`refused`); its customer waits for a
 * newer program, so that nobody can tell yet (`waiting`); it is a person's decision about such an event (`decision`).
 */
export type RowEffect = 'applied' | 'refused' | 'waiting' | 'decision'

/** One event of the stream. Amounts and balances are whole numbers of the minor unit. */
export type EventRow = {
  readonly seq: number
  /** The time at which it was stored, RFC 3339 in UTC. */
  readonly at: string
  /** Undefined when its subject is no customer's. */
  readonly client_id: string | undefined
  /** Undefined for the default asset. */
  readonly asset: string | undefined
  /** `credit`, `debit`, `declined`, ...; undefined for an event that cannot be read. */
  readonly type: string | undefined
  readonly amount: bigint | undefined
  readonly transaction_id: string | undefined
  readonly reference: string | undefined
  readonly counterparty: string | undefined
  /** Who asked for it, as far as somebody vouches for that. */
  readonly by: string | undefined
  readonly effect: RowEffect
  /** Why it was refused. */
  readonly reason: string | undefined
  /** The account after it, by the fold; undefined where there is no customer. */
  readonly balance: bigint | undefined
  readonly version: number | undefined
  readonly metadata: object | undefined
  /** The fields of the event that have no column of their own, such as what was declined. */
  readonly details: object | undefined
}
