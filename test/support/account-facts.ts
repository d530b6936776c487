/**
 * Judges the answers to commands on accounts by the events in the stream, from the promises alone and without a fold: what was
 * answered is stored once, what was refused moved nothing, no money was made, and a hold never paid twice.
 */

import type { JsMsg } from '@nats-io/jetstream'
import type { AccountCommand } from './account-load.js'

export type AccountExchange = { readonly command: AccountCommand; readonly answer: Answer }
type Place = {
  readonly client_id: string
  readonly balance: number
  readonly version: number
  readonly seq: number
}
type Answer = {
  readonly error?: { readonly code: string; readonly balance?: number }
  readonly from?: Place
  readonly to?: Place
} & Partial<Place>

/** An event with what it says. All amounts of a load are small. */
export type Event = {
  readonly seq: number
  readonly client_id: string
  readonly type: string
  readonly amount: number
  readonly transaction_id: string | undefined
  readonly hold: string | undefined
  /** The transaction that it takes back, and the caller's own id for that. */
  readonly reverses: string | undefined
  readonly reversal_id: string | undefined
  readonly is_final: boolean
  readonly is_expiry: boolean
  readonly limit: number | undefined
  /** When a hold ends, in milliseconds since 1970. */
  readonly expires_ms: number
  readonly balance: number
  readonly version: number
}

type Body = {
  readonly type: string
  readonly amount?: number
  readonly transaction_id?: string
  readonly hold?: string
  readonly reverses?: string
  readonly reversal_id?: string
  readonly final?: boolean
  readonly expired?: boolean
  readonly limit?: number
  readonly expires_at?: string
  readonly after: { readonly balance: number; readonly version: number }
}

export const eventOf = (message: JsMsg): Event => {
  const body = message.json<Body>()
  const {
    type,
    amount = 0,
    transaction_id,
    hold,
    reverses,
    reversal_id,
    limit,
    expires_at = '',
    after,
  } = body
  return {
    ...{ seq: message.seq, client_id: message.subject.slice('customer.balance.'.length), type, amount },
    ...{ transaction_id, hold, reverses, reversal_id, limit, ...after },
    ...{ is_final: body.final ?? true, is_expiry: body.expired ?? false, expires_ms: Date.parse(expires_at) },
  }
}

const isMovement = ({ type }: Event): boolean => type !== 'declined'

/** The events of each command: those with its id, and the second one of a transfer. */
const byCommand = (events: readonly Event[]): ReadonlyMap<string, readonly Event[]> => {
  const found = new Map<string, Event[]>()
  for (const event of events) {
    const id = event.reversal_id ?? event.transaction_id?.replace(/:credit$/, '')
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), event])
  }
  return found
}

/** Says how an answer differs from the events of its command; undefined when it does not. */
const differs = ({ command, answer }: AccountExchange, own: readonly Event[]): string | undefined => {
  const { type, transaction_id } = command
  const types = own.map(event => event.type).join(', ')
  if (answer.error !== undefined) {
    // some refusals of a reversal have no event: nothing can make them wrong later
    const is_stored_so = types === 'declined' || (type === 'reverse' && types === '')
    return is_stored_so ? undefined : `${transaction_id}: ${answer.error.code}, and stored as ${types}`
  }
  const places: readonly Partial<Place>[] =
    answer.from === undefined ? [answer] : [answer.from, answer.to ?? {}]
  const is_right =
    own.length === places.length &&
    own.every(isMovement) &&
    own.every(({ client_id, balance, version, seq }, i) => {
      const { [i]: place } = places
      return (
        place?.client_id === client_id &&
        place.balance === balance &&
        place.version === version &&
        place.seq === seq
      )
    })
  return is_right ? undefined : `${transaction_id}: answered ${JSON.stringify(answer)}, stored as ${types}`
}

const sumOf = (events: readonly Event[]): number => events.reduce((sum, { amount }) => sum + amount, 0)

/** Says how a hold paid more than was held, paid twice, or paid after its end; undefined when it did not. */
const overpaid = (events: readonly Event[], hold: Event): string | undefined => {
  const uses = events.filter(event => event.hold === hold.transaction_id && isMovement(event))
  const end = uses.findIndex(({ type, is_final }) => type === 'debit' && is_final)
  const used = sumOf(uses.filter(({ is_expiry }) => !is_expiry))
  if (used > hold.amount) return `${hold.transaction_id} held ${hold.amount} and gave ${used}`
  if (uses.some(({ seq }) => seq < hold.seq)) return `${hold.transaction_id} gave before it was made`
  return end >= 0 && uses.slice(end + 1).some(({ is_expiry }) => !is_expiry)
    ? `${hold.transaction_id} gave after its last capture`
    : undefined
}

/** Says which transactions were taken back by more than they moved. A transfer counts by its first event. */
const overReversed = (events: readonly Event[]): string[] => {
  const first = events.filter(event => isMovement(event) && !event.transaction_id?.endsWith(':credit'))
  return first.flatMap(({ transaction_id, amount }) => {
    const back = sumOf(first.filter(({ reverses }) => reverses !== undefined && reverses === transaction_id))
    return back > amount ? [`${transaction_id} moved ${amount}, and ${back} of it went back`] : []
  })
}

/** Says where a balance fell below the negative of every limit that its account had so far. */
const belowLimit = (events: readonly Event[]): string[] => {
  const limits = new Map<string, number>()
  return events.flatMap(({ client_id, limit, type, balance, seq }) => {
    const most = Math.max(limits.get(client_id) ?? 0, type === 'limit' ? (limit ?? 0) : 0)
    limits.set(client_id, most)
    return balance < -most ? [`event ${seq} leaves ${client_id} at ${balance} with a limit of ${most}`] : []
  })
}

/** The balance of each account after its last event, as that event states it. */
export const lastBalances = (events: readonly Event[]): ReadonlyMap<string, number> =>
  new Map(events.map(({ client_id, balance }) => [client_id, balance]))

/** What the answers say that came into all accounts together. */
const movedBy = ({ command, answer }: AccountExchange, own: readonly Event[]): number => {
  const { type, fields } = command
  if (answer.error !== undefined) return 0
  if (type === 'credit') return Number(fields.amount)
  if (type === 'debit') return -Number(fields.amount)
  if (type === 'capture') return fields.to === undefined ? -sumOf(own) : 0
  const [only, second] = own
  if (type !== 'reverse' || only === undefined || second !== undefined) return 0
  return only.type === 'credit' ? only.amount : -only.amount
}

/** One text for each promise that was broken by these commands, which are all that the stream ever got. */
export const brokenPromises = (
  exchanges: readonly AccountExchange[],
  events: readonly Event[],
): readonly string[] => {
  const own = byCommand(events)
  const ownOf = ({ command }: AccountExchange): readonly Event[] => own.get(command.transaction_id) ?? []
  const known = new Set(exchanges.map(({ command }) => command.transaction_id))
  const strangers = [...own].filter(([id, [first]]) => !known.has(id) && first?.is_expiry !== true)
  const total = [...lastBalances(events).values()].reduce((sum, balance) => sum + balance, 0)
  const moved = exchanges.reduce((sum, one) => sum + movedBy(one, ownOf(one)), 0)
  return [
    ...exchanges.flatMap(one => differs(one, ownOf(one)) ?? []),
    ...strangers.map(([id]) => `nobody sent ${id}`),
    ...events.filter(({ type }) => type === 'hold').flatMap(hold => overpaid(events, hold) ?? []),
    ...overReversed(events),
    ...belowLimit(events),
    ...(total === moved ? [] : [`the balances are ${total}, and ${moved} came in`]),
  ]
}

/** What is held in each account at a time, by the events alone. */
export const heldIn = (events: readonly Event[], now_ms: number): ReadonlyMap<string, number> => {
  const held = new Map<string, number>()
  for (const hold of events.filter(({ type }) => type === 'hold')) {
    const uses = events.filter(event => event.hold === hold.transaction_id && isMovement(event))
    const is_closed = uses.some(
      ({ type, is_final, is_expiry }) => is_expiry || (type === 'debit' && is_final),
    )
    const remaining = is_closed || hold.expires_ms <= now_ms ? 0 : hold.amount - sumOf(uses)
    held.set(hold.client_id, (held.get(hold.client_id) ?? 0) + remaining)
  }
  return held
}
