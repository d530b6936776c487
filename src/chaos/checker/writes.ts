/**
 * What the clients wrote, gathered by key: every time that a write was sent, and what each answer claims of it.
 */

import { bodyOf, type Call, errorCodeOf } from './calls.js'
import { countOf, field, isObject, type Json, readObject, textOf, wholeOf } from './json.js'

/** Where an answer says that a write is; events that are only published know their place and no more. */
export type Position = {
  readonly client_id: string
  readonly seq: number
  readonly balance?: bigint | undefined
  readonly version?: number | undefined
}

export type Claim =
  | { readonly tag: 'acknowledged'; readonly positions: readonly Position[] }
  /** Its balance did not allow it; `is_frozen`: that answer stays, and an event of the stream says so. */
  | {
      readonly tag: 'refused'
      readonly code: string
      readonly client_id: string
      readonly balance: bigint | undefined
      readonly is_frozen: boolean
    }
  /** Nothing was stored this time. */
  | { readonly tag: 'nothing'; readonly code: string }
  | { readonly tag: 'unknown'; readonly code: string }

/** One time that a write was sent. */
export type Attempt = { readonly call: Call; readonly claim: Claim }

export type Write = {
  readonly key: string
  readonly source: 'command' | 'event' | 'raw'
  /** Undefined for a published body that is no event. */
  readonly type: 'credit' | 'debit' | 'transfer' | undefined
  /** The customers whose subjects it is on, in that order. */
  readonly client_ids: readonly string[]
  readonly amount: bigint | undefined
  /** The id that makes it count once; undefined where it has none of its own. */
  readonly id: string | undefined
  /** The commands of its batch that come before it, where all of them are one. */
  readonly before: readonly Write[]
  readonly attempts: readonly Attempt[]
}

type Draft = Write & { readonly attempts: Attempt[]; readonly before: Draft[] }

const NOTHING_STORED = [
  ...['UNAVAILABLE', 'BUSY', 'CONFLICT', 'STREAM_FULL', 'INVALID_REQUEST', 'PAYLOAD_TOO_LARGE'],
  ...['TRANSACTION_ID_REUSED', 'BAD_REQUEST'],
]
const REFUSALS = ['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT']

const positionOf = (value: Json | undefined): Position | undefined => {
  const [client_id, seq] = [textOf(field(value, 'client_id')), countOf(field(value, 'seq'))]
  if (client_id === undefined || seq === undefined) return undefined
  return {
    client_id,
    seq,
    balance: wholeOf(field(value, 'balance')),
    version: countOf(field(value, 'version')),
  }
}

/** The positions that a reply to a command names: one, or those of both sides. */
export const positionsOf = (reply: Json | undefined): readonly Position[] => {
  const sides = [reply, field(reply, 'from'), field(reply, 'to')]
  return sides.flatMap(side => positionOf(side) ?? [])
}

/** What an error, told as a code with particulars, claims. */
const claimOfError = (code: string, error: Json | undefined, is_frozen: boolean): Claim => {
  if (REFUSALS.includes(code)) {
    const client_id = textOf(field(error, 'client_id')) ?? ''
    return { tag: 'refused', code, client_id, balance: wholeOf(field(error, 'balance')), is_frozen }
  }
  return NOTHING_STORED.includes(code) ? { tag: 'nothing', code } : { tag: 'unknown', code }
}

/** What a call without an answer of use claims; undefined when there is one. */
const claimOfFailure = ({ end }: Call): Claim | undefined => {
  if (end.tag === 'none') return { tag: 'unknown', code: 'no end' }
  if (end.tag === 'answer') return undefined
  return end.reason === 'no responders'
    ? { tag: 'nothing', code: 'no responders' }
    : { tag: 'unknown', code: end.reason }
}

const errorOf = ({ end }: Call): Json | undefined =>
  end.tag === 'answer' ? field(readObject(end.body), 'error') : undefined

/** One reply to a command: that of a request, or one of a batch's results. */
const claimOfReply = (reply: Json | undefined, is_frozen: boolean): Claim => {
  const error = field(reply, 'error')
  if (error !== undefined) return claimOfError(textOf(field(error, 'code')) ?? '', error, is_frozen)
  const positions = positionsOf(reply)
  return positions.length > 0 ? { tag: 'acknowledged', positions } : { tag: 'unknown', code: 'no reply' }
}

/** What the answer to a call with one command claims. */
const claimOfCommand = (call: Call, has_id: boolean): Claim => {
  const failure = claimOfFailure(call)
  if (failure !== undefined) return failure
  const code = errorCodeOf(call.end)
  return code === undefined
    ? claimOfReply(bodyOf(call.end), has_id)
    : claimOfError(code, errorOf(call), has_id)
}

/** What the answer to a batch claims of each of its commands. */
const claimsOfBatch = (call: Call, mode: string, ids: readonly (string | undefined)[]): readonly Claim[] => {
  const failure = claimOfFailure(call)
  if (failure !== undefined) return ids.map(() => failure)
  const code = errorCodeOf(call.end)
  const is_one = mode === 'all'
  if (code !== undefined) {
    const [error, index] = [errorOf(call), countOf(field(errorOf(call), 'index'))]
    const claim = claimOfError(code, error, false)
    // of the others of a refused batch nothing is stored either, and for no reason of theirs
    return ids.map((_, i) => (claim.tag === 'refused' && i !== index ? { tag: 'nothing', code } : claim))
  }
  const results = field(bodyOf(call.end), 'results')
  return ids.map((id, i) =>
    claimOfReply(Array.isArray(results) ? results[i] : undefined, !is_one && id !== undefined),
  )
}

/** JetStream's own form: of the service, an error of it says what it means; of the stream itself, nothing is sure. */
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

const commandOf = (type: string, fields: Json): Described | undefined => {
  const key = textOf(field(fields, 'reference'))
  if (key === undefined || (type !== 'credit' && type !== 'debit' && type !== 'transfer')) return undefined
  const names = type === 'transfer' ? ['from', 'to'] : ['client_id']
  return {
    ...{ key, source: 'command', type },
    client_ids: names.map(name => textOf(field(fields, name)) ?? ''),
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
    type: type === 'credit' || type === 'debit' ? type : undefined,
    client_ids: [subject.split('.').slice(2).join('.')],
    amount: wholeOf(field(fields, 'amount')),
    id: headers.get('Nats-Msg-Id'),
  }
}

/** Gathers all writes of a history by their keys. */
export const gatherWrites = (calls: readonly Call[]): ReadonlyMap<string, Write> => {
  const writes = new Map<string, Draft>()

  const add = (
    described: Described | undefined,
    attempt: Attempt,
    before: readonly Draft[] = [],
  ): Draft[] => {
    if (described === undefined) return []
    const known = writes.get(described.key)
    const write = known ?? { ...described, attempts: [], before: [...before] }
    if (known === undefined) writes.set(described.key, write)
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
    } else if (call.kind === 'credit' || call.kind === 'debit' || call.kind === 'transfer') {
      const described = commandOf(call.kind, readObject(call.body))
      add(described, { call, claim: claimOfCommand(call, described?.id !== undefined) })
    }
  }
  return writes
}
