/**
 * Gathers what the clients wrote, by key: every attempt to send a write, and what each answer claims of it.
 */

import { accountIn } from './account.js'
import { bodyOf, type Call, errorCodeOf } from './calls.js'
import { countOf, field, isObject, type Json, readObject, textOf, wholeOf } from './json.js'

/** The place of an event as an answer states it. The answer to a published event states its sequence only. */
export type Position = {
  readonly client_id: string
  readonly seq: number
  readonly balance?: bigint | undefined
  readonly version?: number | undefined
}

export type Claim =
  | { readonly tag: 'acknowledged'; readonly positions: readonly Position[] }
  /** The balance did not allow the write. `is_frozen`: the refusal is final, and an event of the stream records it. */
  | {
      readonly tag: 'refused'
      readonly code: string
      readonly client_id: string
      readonly balance: bigint | undefined
      /** What was available, where that is not the balance. */
      readonly available: bigint | undefined
      readonly is_frozen: boolean
    }
  /** This attempt stored nothing. */
  | { readonly tag: 'nothing'; readonly code: string }
  | { readonly tag: 'unknown'; readonly code: string }

const WRITE_TYPES = [
  ...(['credit', 'debit', 'transfer', 'hold', 'capture', 'release', 'limit', 'restrict'] as const),
]
type WriteType = (typeof WRITE_TYPES)[number]

const writeTypeOf = (text: string): WriteType | undefined => WRITE_TYPES.find(type => type === text)

/** One attempt to send a write. */
export type Attempt = { readonly call: Call; readonly claim: Claim }

export type Write = {
  readonly key: string
  readonly source: 'command' | 'event' | 'raw'
  /** Undefined for a published body that is no event. */
  readonly type: WriteType | undefined
  /** The customers on whose subjects its events are, in order. */
  readonly client_ids: readonly string[]
  readonly amount: bigint | undefined
  /** The id that makes the write count once; undefined when the client gave none, and for a reversal: the ledger makes its id. */
  readonly id: string | undefined
  /** The id of the write that this one takes back. */
  readonly reverses?: string
  /** The commands that come before it in its batch, when the batch has the mode `all`. */
  readonly before: readonly Write[]
  readonly attempts: readonly Attempt[]
}

type Draft = Write & { readonly attempts: Attempt[]; readonly before: Draft[] }

const NOTHING_STORED = [
  ...['UNAVAILABLE', 'BUSY', 'CONFLICT', 'STREAM_FULL', 'INVALID_REQUEST', 'PAYLOAD_TOO_LARGE'],
  ...['TRANSACTION_ID_REUSED', 'BAD_REQUEST'],
  ...['NOT_FOUND', 'NOT_REVERSIBLE', 'ALREADY_REVERSED'],
]
const REFUSALS = [
  ...['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT', 'ACCOUNT_RESTRICTED', 'NOT_EMPTY'],
  ...['HOLD_EXISTS', 'HOLD_NOT_OPEN', 'HOLD_EXCEEDED', 'LIMIT_REACHED', 'REVERSAL_EXCEEDED'],
]

const positionOf = (value: Json | undefined): Position | undefined => {
  const [client_id, seq] = [accountIn(value), countOf(field(value, 'seq'))]
  if (client_id === undefined || seq === undefined) return undefined
  return {
    client_id,
    seq,
    balance: wholeOf(field(value, 'balance')),
    version: countOf(field(value, 'version')),
  }
}

/** The positions that a reply to a command names: one, or two for a transfer. */
export const positionsOf = (reply: Json | undefined): readonly Position[] => {
  const sides = [reply, field(reply, 'from'), field(reply, 'to')]
  return sides.flatMap(side => positionOf(side) ?? [])
}

/** The claim of an error with a code and details. */
const claimOfError = (code: string, error: Json | undefined, is_frozen: boolean): Claim => {
  if (REFUSALS.includes(code)) {
    const client_id = accountIn(error) ?? ''
    const [balance, available] = [wholeOf(field(error, 'balance')), wholeOf(field(error, 'available'))]
    return { tag: 'refused', code, client_id, balance, available, is_frozen }
  }
  return NOTHING_STORED.includes(code) ? { tag: 'nothing', code } : { tag: 'unknown', code }
}

/** The claim of a call without an answer; undefined when there is an answer. */
const claimOfFailure = ({ end }: Call): Claim | undefined => {
  if (end.tag === 'none') return { tag: 'unknown', code: 'no end' }
  if (end.tag === 'answer') return undefined
  return end.reason === 'no responders'
    ? { tag: 'nothing', code: 'no responders' }
    : { tag: 'unknown', code: end.reason }
}

const errorOf = ({ end }: Call): Json | undefined =>
  end.tag === 'answer' ? field(readObject(end.body), 'error') : undefined

/** The claim of one reply to a command: the reply to a request, or one result of a batch. */
const claimOfReply = (reply: Json | undefined, is_frozen: boolean): Claim => {
  const error = field(reply, 'error')
  if (error !== undefined) return claimOfError(textOf(field(error, 'code')) ?? '', error, is_frozen)
  const positions = positionsOf(reply)
  return positions.length > 0 ? { tag: 'acknowledged', positions } : { tag: 'unknown', code: 'no reply' }
}

/** The claim of the answer to a call with one command. */
const claimOfCommand = (call: Call, has_id: boolean): Claim => {
  const failure = claimOfFailure(call)
  if (failure !== undefined) return failure
  const code = errorCodeOf(call.end)
  return code === undefined
    ? claimOfReply(bodyOf(call.end), has_id)
    : claimOfError(code, errorOf(call), has_id)
}

/** The claims of the answer to a batch, one for each command. */
const claimsOfBatch = (call: Call, mode: string, ids: readonly (string | undefined)[]): readonly Claim[] => {
  const failure = claimOfFailure(call)
  if (failure !== undefined) return ids.map(() => failure)
  const code = errorCodeOf(call.end)
  const is_one = mode === 'all'
  if (code !== undefined) {
    const [error, index] = [errorOf(call), countOf(field(errorOf(call), 'index'))]
    const claim = claimOfError(code, error, false)
    // the other commands of a refused batch were not stored either, but they were not refused themselves
    return ids.map((_, i) => (claim.tag === 'refused' && i !== index ? { tag: 'nothing', code } : claim))
  }
  const results = field(bodyOf(call.end), 'results')
  return ids.map((id, i) =>
    claimOfReply(Array.isArray(results) ? results[i] : undefined, !is_one && id !== undefined),
  )
}

/** The claim of an answer in JetStream's own form. An error of our service is certain; an error of the stream itself is not. */
const claimOfPublish = (call: Call, client_id: string): Claim => {
  const failure = claimOfFailure(call)
  if (failure !== undefined) return call.kind === 'raw' ? { tag: 'unknown', code: failure.tag } : failure
  const code = errorCodeOf(call.end)
  if (code !== undefined) return claimOfError(code, undefined, false)
  const seq = countOf(field(bodyOf(call.end), 'seq'))
  return seq === undefined || errorOf(call) !== undefined
    ? { tag: 'unknown', code: 'no acknowledgement' }
    : { tag: 'acknowledged', positions: [{ client_id, seq }] }
}

type Described = Omit<Write, 'attempts' | 'before'>

const commandOf = (kind: string, fields: Json): Described | undefined => {
  const [key, type] = [textOf(field(fields, 'reference')), writeTypeOf(kind)]
  if (key === undefined || type === undefined) return undefined
  const names = type === 'transfer' ? ['from', 'to'] : ['client_id', 'to']
  return {
    ...{ key, source: 'command', type },
    client_ids: names.flatMap(name => accountIn(fields, name) ?? []),
    amount: wholeOf(field(fields, 'amount')),
    id: textOf(field(fields, 'transaction_id')),
  }
}

const publishedOf = ({ kind, subject, headers, body }: Call): Described | undefined => {
  const fields = readObject(body)
  const key = headers.get('Chaos-Key') ?? textOf(field(fields, 'reference'))
  const type = textOf(field(fields, 'type'))
  if (key === undefined) return undefined
  return {
    key,
    source: kind === 'event' ? 'event' : 'raw',
    type: type === 'credit' || type === 'debit' || type === 'hold' ? type : undefined,
    client_ids: [subject.split('.').slice(2).join('.')],
    amount: wholeOf(field(fields, 'amount')),
    id: headers.get('Nats-Msg-Id'),
  }
}

/** The two accounts of a transfer change sides when it is taken back. */
const reversedType = (type: Write['type']): WriteType | undefined => {
  if (type === 'credit') return 'debit'
  return type === 'debit' ? 'credit' : type
}

/** A reversal: the opposite of the write that has the id. */
const reversalOf = (fields: Json, original: Write | undefined): Described | undefined => {
  const [key, reverses] = [textOf(field(fields, 'reference')), textOf(field(fields, 'transaction_id'))]
  if (key === undefined || reverses === undefined || original === undefined) return undefined
  return {
    ...{ key, source: 'command', type: reversedType(original.type), reverses, id: undefined },
    client_ids: original.client_ids.toReversed(),
    amount: wholeOf(field(fields, 'amount')),
  }
}

/** Gathers all writes of a history by their keys. */
export const gatherWrites = (calls: readonly Call[]): ReadonlyMap<string, Write> => {
  const writes = new Map<string, Draft>()
  const by_id = new Map<string, Write>()

  const add = (
    described: Described | undefined,
    attempt: Attempt,
    before: readonly Draft[] = [],
  ): Draft[] => {
    if (described === undefined) return []
    const known = writes.get(described.key)
    const write = known ?? { ...described, attempts: [], before: [...before] }
    if (known === undefined) writes.set(described.key, write)
    if (known === undefined && described.id !== undefined) by_id.set(described.id, write)
    write.attempts.push(attempt)
    return [write]
  }

  const addBatch = (call: Call): void => {
    const fields = readObject(call.body)
    const [mode, commands] = [textOf(field(fields, 'mode')) ?? '', field(fields, 'commands')]
    const described = (Array.isArray(commands) ? commands : []).map((command: Json) =>
      isObject(command) ? commandOf(textOf(field(command, 'type')) ?? '', command) : undefined,
    )
    const claims = claimsOfBatch(
      call,
      mode,
      described.map(one => one?.id),
    )
    const so_far: Draft[] = []
    described.forEach((one, index) => {
      const claim = claims[index] ?? { tag: 'unknown', code: 'no result' }
      so_far.push(...add(one, { call, claim }, mode === 'all' ? so_far : []))
    })
  }

  for (const call of calls) {
    if (call.kind === 'batch') addBatch(call)
    else if (call.kind === 'event' || call.kind === 'raw') {
      const published = publishedOf(call)
      add(published, { call, claim: claimOfPublish(call, published?.client_ids[0] ?? '') })
    } else if (call.kind === 'reverse') {
      const fields = readObject(call.body)
      const described = reversalOf(fields, by_id.get(textOf(field(fields, 'transaction_id')) ?? ''))
      add(described, { call, claim: claimOfCommand(call, true) })
    } else if (writeTypeOf(call.kind) !== undefined) {
      const described = commandOf(call.kind, readObject(call.body))
      add(described, { call, claim: claimOfCommand(call, described?.id !== undefined) })
    }
  }
  return writes
}
