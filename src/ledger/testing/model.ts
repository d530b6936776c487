/**
 * A third opinion about accounts for the tests, as naive as it can be: it keeps the list of the events that counted, and
 * answers every question by looking through the whole list again. It shares no code with the law (`src/ledger`) or with
 * verify's fold, and follows docs/adr/0048 sentence by sentence.
 */

import type { Body } from './histories.js'

const MINUTE_MS = 60_000
const LARGEST = 9223372036854775807n

/** An event that counted, and the account's time at which it was judged. */
type Counted = {
  readonly body: Body
  readonly seq: number
  readonly time_ms: number
  readonly is_version: boolean
}

type OpenHold = { readonly id: string; readonly left: bigint; readonly expires_ms: number }

/** An account as the model sees it after an event: everything that the law keeps, in the model's own form. */
export type Seen = {
  readonly balance: bigint
  readonly version: number
  readonly seq: number
  readonly time_ms: number
  readonly limit: bigint
  readonly holds: readonly OpenHold[]
  readonly state: string
  readonly reason: string | undefined
  readonly until_ms: number | undefined
}

const whole = (value: number | string | undefined): bigint => BigInt(value ?? 0)
const ms = (text: string | undefined): number => Date.parse(text ?? '')
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((a, b) => a + b, 0n)

/** The hold that a body names. Schema 1 has no such field. */
const holdIn = ({ schema, hold }: Body): string | undefined => (schema === 2 ? hold : undefined)

const balanceOf = (counted: readonly Counted[]): bigint =>
  sum(counted.filter(({ body }) => body.type === 'credit').map(({ body }) => whole(body.amount))) -
  sum(counted.filter(({ body }) => body.type === 'debit').map(({ body }) => whole(body.amount)))

/** What is left of a hold after the events that came after it; undefined when it is gone. */
const leftOf = (made: Counted, later: readonly Counted[], now_ms: number): OpenHold | undefined => {
  const { transaction_id: id = '', amount, expires_at } = made.body
  const expires_ms = ms(expires_at)
  if ([made.time_ms, now_ms, ...later.map(({ time_ms }) => time_ms)].some(time_ms => time_ms >= expires_ms))
    return undefined
  let left = whole(amount)
  for (const { body } of later) {
    if (left === 0n || holdIn(body) !== id || body.expired === true || body.type === 'declined') continue
    const is_whole = body.type === 'debit' ? body.final !== false : body.amount === undefined
    left = is_whole ? 0n : left - whole(body.amount)
  }
  return left === 0n ? undefined : { id, left, expires_ms }
}

/** The holds that are open at a time, in the order in which they were made. */
const holdsAt = (counted: readonly Counted[], now_ms: number): readonly OpenHold[] =>
  counted.flatMap((made, i) => {
    const left = made.body.type === 'hold' ? leftOf(made, counted.slice(i + 1), now_ms) : undefined
    return left === undefined ? [] : [left]
  })

const limitOf = (counted: readonly Counted[]): bigint =>
  whole(counted.findLast(({ body }) => body.type === 'limit')?.body.limit)

/** The last state of the account at a time; undefined when it is active. */
const restrictionAt = (counted: readonly Counted[], now_ms: number): Body | undefined => {
  const place = counted.findLastIndex(({ body }) => body.type === 'state')
  const body = counted[place]?.body
  if (body === undefined || body.state === 'active') return undefined
  if (body.until === undefined) return body
  const times_ms = [now_ms, ...counted.slice(place).map(({ time_ms }) => time_ms)]
  return times_ms.some(time_ms => time_ms >= ms(body.until)) ? undefined : body
}

/** A moment before all events. */
const NEVER_MS = 0

/** The account's own time: that of the last event that counted, while anything depends on time. */
const timeOf = (counted: readonly Counted[]): number => {
  const depends =
    holdsAt(counted, NEVER_MS).length > 0 || restrictionAt(counted, NEVER_MS)?.until !== undefined
  return depends ? (counted.at(-1)?.time_ms ?? 0) : 0
}

/** The table of docs/adr/0048, read row by row: what an account refuses in each state. */
const isForbidden = (state: string | undefined, what: string): boolean => {
  if (state === 'no_debit') return what === 'debit' || what === 'hold'
  if (state === 'no_credit') return what === 'credit'
  if (state === 'frozen') return ['credit', 'debit', 'hold', 'capture'].includes(what)
  if (state === 'closed') return ['credit', 'debit', 'hold', 'capture', 'release', 'limit'].includes(what)
  return false
}

const whatIs = (body: Body): string => {
  if (body.type === 'debit' && holdIn(body) !== undefined) return 'capture'
  return body.type === 'release' && body.expired === true ? 'expiry' : body.type
}

type Refusal = readonly [code: string, is_refused: boolean]

/** The reason why an event is refused at a time; undefined when it counts. */
const refusalOf = (counted: readonly Counted[], body: Body, now_ms: number): string | undefined => {
  const what = whatIs(body)
  const [amount, balance, holds] = [whole(body.amount), balanceOf(counted), holdsAt(counted, now_ms)]
  const held = sum(holds.map(({ left }) => left))
  const available = balance - held + limitOf(counted)
  const named = holds.find(({ id }) => id === body.hold)
  const asks = what === 'debit' || what === 'hold'
  const takes = what === 'capture' || what === 'release'
  const closes = what === 'state' && body.state === 'closed'
  const refusals: readonly Refusal[] = [
    ['ACCOUNT_RESTRICTED', isForbidden(restrictionAt(counted, now_ms)?.state, what)],
    ['BALANCE_LIMIT', what === 'credit' && balance + amount > LARGEST],
    ['HOLD_EXISTS', what === 'hold' && holds.some(({ id }) => id === body.transaction_id)],
    ['LIMIT_REACHED', what === 'hold' && holds.length === 256],
    ['INSUFFICIENT_FUNDS', asks && amount > available],
    ['BALANCE_LIMIT', what === 'hold' && held + amount > LARGEST],
    ['HOLD_NOT_OPEN', takes && named === undefined],
    ['HOLD_EXCEEDED', takes && amount > (named?.left ?? 0n)],
    ['NOT_EXPIRED', what === 'expiry' && named !== undefined],
    ['NOT_EMPTY', closes && (balance !== 0n || holds.length > 0)],
  ]
  return refusals.find(([, is_refused]) => is_refused)?.[0]
}

/** Whether an event that counts makes the version higher: all do but a refusal, and the end of a hold that is gone. */
const isVersion = (counted: readonly Counted[], body: Body): boolean => {
  if (body.type === 'declined') return false
  return body.expired !== true || holdsAt(counted, NEVER_MS).some(({ id }) => id === body.hold)
}

const effectiveTime = ({ schema, at }: Body, stored_ms: number): number => {
  const claimed_ms = at === undefined || schema === 1 ? stored_ms : ms(at)
  if (claimed_ms > stored_ms + MINUTE_MS) return stored_ms + MINUTE_MS
  if (claimed_ms < stored_ms - MINUTE_MS) return stored_ms - MINUTE_MS
  return claimed_ms
}

const seenOf = (counted: readonly Counted[]): Seen => {
  const restriction = restrictionAt(counted, NEVER_MS)
  return {
    balance: balanceOf(counted),
    version: counted.filter(({ is_version }) => is_version).length,
    seq: counted.at(-1)?.seq ?? 0,
    time_ms: timeOf(counted),
    limit: limitOf(counted),
    holds: holdsAt(counted, NEVER_MS),
    state: restriction?.state ?? 'active',
    reason: restriction?.reason,
    until_ms: restriction?.until === undefined ? undefined : ms(restriction.until),
  }
}

/** What an account shows at a time. */
type Standing = {
  readonly balance: bigint
  readonly available: bigint
  readonly held: bigint
  readonly limit: bigint
  readonly state: string
  /** The open holds as texts, in the order of their ends and ids. */
  readonly holds: readonly string[]
}

const standingOf = (counted: readonly Counted[], now_ms: number): Standing => {
  const holds = holdsAt(counted, now_ms)
  const [balance, held, limit] = [balanceOf(counted), sum(holds.map(({ left }) => left)), limitOf(counted)]
  const lines = holds.map(({ id, left, expires_ms }) => `${new Date(expires_ms).toISOString()} ${id} ${left}`)
  const state = restrictionAt(counted, now_ms)?.state ?? 'active'
  return { balance, available: balance - held + limit, held, limit, state, holds: lines.sort() }
}

/** Creates the model of one account. `take` gives the reason why an event is refused, or `applied`. */
export const createModel = () => {
  const counted: Counted[] = []
  return {
    take: (body: Body, seq: number, stored_ms: number): string => {
      const time_ms = Math.max(timeOf(counted), effectiveTime(body, stored_ms))
      const refusal = refusalOf(counted, body, time_ms)
      if (refusal !== undefined) return refusal
      counted.push({ body, seq, time_ms, is_version: isVersion(counted, body) })
      return 'applied'
    },
    seen: (): Seen => seenOf(counted),
    standing: (now_ms: number): Standing => standingOf(counted, now_ms),
  }
}
