/**
 * Decides whether a projection's table, its consumer and the stream belong together (docs/adr/0026).
 *
 * The table says which table it is, which stream it was folded from, and how far. `look` reads the facts, and the pure
 * function `judge` gives a verdict on them. `prepare.ts` acts on the verdict.
 */

import { readRecord } from '../belonging/ledger-record.js'
import { E, pipe, run } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { consumerProgress } from '../stream/consumer.js'
import {
  decodeOrigin,
  describeFinding,
  examineStream,
  type Origin,
  type StreamFinding,
} from '../stream/identity.js'
import { TABLES } from '../tables/definition.js'
import { type Identity, readIdentity } from '../tables/identity.js'
import { type TableFacts, tableFacts } from '../tables/provision.js'
import { failedWith } from './persist.js'
import type { Target } from './target.js'

/** The table and the consumer of one generation of a projection, and the clients to read them with. */
export type GenerationPlace = Pick<Target, 'jsm' | 'tables' | 'table' | 'consumer'> & {
  readonly projection: Pick<Target['projection'], 'name'>
}

/** The facts about a generation that `judge` needs. */
export type Seen = {
  /** Undefined when there is no table. */
  readonly facts: TableFacts | undefined
  /** The sequence that the consumer had acknowledged before the identity was read; undefined without a consumer. */
  readonly acked_seq: number | undefined
  /** Undefined when the table does not say what it is. */
  readonly identity: Identity | undefined
  /** How the stream compares with the origin that the table names; undefined when the table names none. */
  readonly finding: StreamFinding | undefined
  /**
   * Whether the record in the KV bucket says that the present stream is the ledger's. It is read only when the table
   * names another stream, and is false otherwise.
   */
  readonly is_recorded: boolean
}

export type Belonging =
  /** There is no table. */
  | { readonly tag: 'absent' }
  /** The table cannot be used: its keys or indexes are not the ones that the projection needs. */
  | { readonly tag: 'unusable'; readonly message: string }
  /** The items that an earlier epoch left have to be removed. */
  | { readonly tag: 'emptying'; readonly identity: Identity }
  /**
   * The stream lacks events that the table was folded from, or is another stream. Only a person can tell whether the
   * table or the stream is right.
   */
  | { readonly tag: 'stream lacks events'; readonly message: string }
  /** The table has to be folded again from the first event. `reason` is undefined when the table was never used. */
  | { readonly tag: 'begin'; readonly reason: string | undefined }
  /** The table belongs to this projection and this stream. */
  | { readonly tag: 'ours'; readonly identity: Identity }

/** The stream origin that a table says it was folded from; undefined when it cannot be decoded. */
export const originIn = ({ stream, newest }: Identity): Origin | undefined =>
  pipe(
    readJson(stream),
    E.filterOrElse(isJsonObject, () => 'the origin is no object'),
    E.chain(origin => decodeOrigin({ ...origin, newest: newest.seq === 0 ? undefined : newest })),
    E.getOrElseW(() => undefined),
  )

/** The part of an origin that a table keeps as text. The table keeps the newest event in attributes of its own. */
export const streamText = ({ created, raft_group, missing, first }: Origin): string =>
  JSON.stringify({ created, raft_group, missing, first })

/**
 * Reads the facts that `judge` needs. The acknowledged position is read before the identity, because then a table
 * that is in order is never behind it. Throws `Failed`.
 */
export const look = async (target: GenerationPlace): Promise<Seen> => {
  const { jsm, tables, table, consumer, projection } = target
  const facts = await run(tableFacts(tables, table, TABLES[projection.name]))
  const nothing = { acked_seq: undefined, identity: undefined, finding: undefined, is_recorded: false }
  if (facts === undefined || facts.problems.length > 0) return { ...nothing, facts }
  const acked_seq = await ackedSeq(jsm, consumer)
  const identity = await run(readIdentity(tables, table))
  const origin = identity === undefined ? undefined : originIn(identity)
  const finding = origin === undefined ? undefined : await run(examineStream(jsm, origin))
  const is_recorded = finding?.tag === 'another' && (await isRecorded(jsm))
  return { facts, acked_seq, identity, finding, is_recorded }
}

/** Whether the present stream is the one that the record in the KV bucket names. */
const isRecorded = async (jsm: Target['jsm']): Promise<boolean> => {
  const { record } = await run(readRecord(jsm))
  return record !== undefined && (await run(examineStream(jsm, record.stream))).tag === 'same'
}

const ackedSeq = async (jsm: Target['jsm'], consumer: string): Promise<number | undefined> => {
  try {
    return (await run(consumerProgress(jsm, consumer))).acked_seq
  } catch (thrown) {
    if (failedWith(thrown, 'NotFound')) return undefined
    throw thrown
  }
}

/** Why a table without an identity is begun again; undefined when the table was never used. */
const reasonWithoutIdentity = (table: string, acked_seq: number): string | undefined =>
  acked_seq === 0
    ? undefined
    : `the table ${table} does not say what it was folded from, although the projection had come to ${acked_seq}: it was emptied, made anew, or filled by an earlier version`

/** Why a table that has an identity cannot be trusted; undefined when it can. */
const reasonForMistrust = (table: string, identity: Identity, seen: Seen): string | undefined => {
  const { facts, acked_seq = 0, finding } = seen
  const { table_id, newest, state } = identity
  if (table_id !== facts?.table_id)
    return `the table ${table} is another one than the one that was filled: it was restored or copied`
  if (finding === undefined) return `the table ${table} does not say which stream it was folded from`
  if (finding.tag === 'another')
    return `the table ${table} was folded from another stream: ${describeFinding(finding)}`
  // while the table is being emptied, the consumer of the epoch before may still exist
  if (state === 'filling' && newest.seq < acked_seq)
    return `the table ${table} is at ${newest.seq}, but the projection had come to ${acked_seq}: the table was set back, or its consumer skipped events`
  return undefined
}

/**
 * Whether the stream contradicts the table and the table is left as it is for a person to decide: the table may know
 * the most about a stream that is lost.
 */
const isUndecided = (table_id: string, { facts, finding, is_recorded }: Seen): boolean => {
  if (finding === undefined || finding.tag === 'same' || finding.tag === 'restored') return false
  // a table that was copied here from another ledger says nothing about this ledger's stream
  return finding.tag !== 'another' || (!is_recorded && table_id === facts?.table_id)
}

/** Says what has to be done with a generation, from the facts about it. Pure. */
export const judge = (table: string, seen: Seen): Belonging => {
  const { facts, acked_seq = 0, identity, finding } = seen
  if (facts === undefined) return { tag: 'absent' }
  if (facts.problems.length > 0) return { tag: 'unusable', message: unusableMessage(table, facts) }
  if (identity === undefined) return { tag: 'begin', reason: reasonWithoutIdentity(table, acked_seq) }
  if (finding !== undefined && isUndecided(identity.table_id, seen))
    return { tag: 'stream lacks events', message: describeFinding(finding) }
  const reason = reasonForMistrust(table, identity, seen)
  if (reason !== undefined) return { tag: 'begin', reason }
  return identity.state === 'emptying' ? { tag: 'emptying', identity } : { tag: 'ours', identity }
}

/** The message that says why the table's keys and indexes cannot be used, and what to do. */
const unusableMessage = (table: string, { problems }: TableFacts): string =>
  `the table ${table} cannot be used: ${problems.join('; ')}; delete it, and it is made anew and filled from the stream (or name another one with DDB_TABLE)`
