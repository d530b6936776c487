/**
 * Whether a projection's table, its consumer and the stream belong together (docs/adr/0026).
 *
 * The table says which table it is, which stream it was folded from, and how far. What is read here is judged by one
 * pure function; what follows from the verdict is the runner's (`prepare.ts`).
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
import { failedWith } from './outcome.js'
import type { Target } from './target.js'

/** Where a generation of a projection is. */
export type Place = Pick<Target, 'jsm' | 'tables' | 'table' | 'consumer'> & {
  readonly projection: Pick<Target['projection'], 'name'>
}

/** What was read of a generation. */
export type Seen = {
  /** Undefined: there is no table. */
  readonly facts: TableFacts | undefined
  /** What the projection had acknowledged before the identity was read; undefined: there is no consumer. */
  readonly acked_seq: number | undefined
  /** Undefined: the table does not say what it is. */
  readonly identity: Identity | undefined
  /** How the stream compares with what the table says of it; undefined where it says nothing. */
  readonly finding: StreamFinding | undefined
  /** Whether the bucket says that the stream that is there is the ledger's; asked only where the table says otherwise. */
  readonly is_recorded: boolean
}

export type Belonging =
  /** There is no table. */
  | { readonly tag: 'absent' }
  /** Nobody can work with it: its keys or indexes are not those of the projection. */
  | { readonly tag: 'unusable'; readonly message: string }
  /** What an earlier epoch left has to be removed. */
  | { readonly tag: 'emptying'; readonly identity: Identity }
  /** The stream lacks events that the table was folded from, or is another one: which of the two is right only a person can tell. */
  | { readonly tag: 'stream lacks events'; readonly message: string }
  /** It has to be folded again from the first event. No reason: nobody has ever used it. */
  | { readonly tag: 'begin'; readonly reason: string | undefined }
  | { readonly tag: 'ours'; readonly identity: Identity }

/** The origin that a table says it was folded from; undefined when that cannot be read. */
export const originIn = ({ stream, newest }: Identity): Origin | undefined =>
  pipe(
    readJson(stream),
    E.filterOrElse(isJsonObject, () => 'the origin is no object'),
    E.chain(origin => decodeOrigin({ ...origin, newest: newest.seq === 0 ? undefined : newest })),
    E.getOrElseW(() => undefined),
  )

/** The part of an origin that a table keeps as text; its newest event it keeps in attributes. */
export const streamText = ({ created, missing, first }: Origin): string =>
  JSON.stringify({ created, missing, first })

/** Reads what a verdict needs. The acknowledged position before the identity: that is never behind it. */
export const look = async (target: Place): Promise<Seen> => {
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

/** Whether the stream that is there is the one that the bucket's record speaks of. */
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

const silent = (table: string, acked_seq: number): string | undefined =>
  acked_seq === 0
    ? undefined
    : `the table ${table} does not say what it was folded from, although the projection had come to ${acked_seq}: it was emptied, made anew, or filled by an earlier version`

/** What is wrong with a table that says what it is; undefined when nothing is. */
const mistrust = (table: string, identity: Identity, seen: Seen): string | undefined => {
  const { facts, acked_seq = 0, finding } = seen
  const { table_id, newest, state } = identity
  if (table_id !== facts?.table_id)
    return `the table ${table} is another one than the one that was filled: it was restored or copied`
  if (finding === undefined) return `the table ${table} does not say which stream it was folded from`
  if (finding.tag === 'another')
    return `the table ${table} was folded from another stream: ${describeFinding(finding)}`
  // while it is being emptied, the consumer of the epoch before may still be there
  if (state === 'filling' && newest.seq < acked_seq)
    return `the table ${table} is at ${newest.seq}, but the projection had come to ${acked_seq}: the table was set back, or its consumer skipped events`
  return undefined
}

/** Whether a table is left as it is, although the stream contradicts it: of a stream that is gone it may know the most. */
const isUndecided = (table_id: string, { facts, finding, is_recorded }: Seen): boolean => {
  if (finding === undefined || finding.tag === 'same' || finding.tag === 'restored') return false
  // a table of another ledger that was put here says nothing of this one's stream
  return finding.tag !== 'another' || (!is_recorded && table_id === facts?.table_id)
}

/** What to do with a generation, of which this was seen. */
export const judge = (table: string, seen: Seen): Belonging => {
  const { facts, acked_seq = 0, identity, finding } = seen
  if (facts === undefined) return { tag: 'absent' }
  if (facts.problems.length > 0) return { tag: 'unusable', message: unusable(table, facts) }
  if (identity === undefined) return { tag: 'begin', reason: silent(table, acked_seq) }
  if (finding !== undefined && isUndecided(identity.table_id, seen))
    return { tag: 'stream lacks events', message: describeFinding(finding) }
  const reason = mistrust(table, identity, seen)
  if (reason !== undefined) return { tag: 'begin', reason }
  return identity.state === 'emptying' ? { tag: 'emptying', identity } : { tag: 'ours', identity }
}

/** Why a table of these keys and indexes cannot be used, and what to do. */
const unusable = (table: string, { problems }: TableFacts): string =>
  `the table ${table} cannot be used: ${problems.join('; ')}; delete it, and it is made anew and filled from the stream (or name another one with DDB_TABLE)`
