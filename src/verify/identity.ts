/**
 * Waits until the table is the one that the projection filled from this stream: no other table can be compared.
 */

import { pause } from '../back-off.js'
import { E, pipe } from '../fp.js'
import { isJsonObject, readJson } from '../json.js'
import { decodeOrigin, describeFinding, examineStream } from '../stream/identity.js'
import { TABLES } from '../tables/definition.js'
import { type Identity, readIdentity } from '../tables/identity.js'
import { tableFacts } from '../tables/provision.js'
import type { Run } from './deps.js'
import { CannotVerify, persist } from './problem.js'
import { PROJECTION, type Target } from './target.js'
import { ackedSeq } from './wait.js'

const POLL = { first_ms: 200, max_ms: 200 }

/** Why the table's stream is not this one; undefined when it is. */
const streamProblem = async (
  { jsm, signal }: Run,
  { stream, newest }: Identity,
): Promise<string | undefined> => {
  const origin = pipe(
    readJson(stream),
    E.filterOrElse(isJsonObject, () => 'the origin is no object'),
    E.chain(fields => decodeOrigin({ ...fields, newest: newest.seq === 0 ? undefined : newest })),
  )
  if (E.isLeft(origin)) return 'it does not say from which stream'
  const finding = await persist(examineStream(jsm, origin.right), signal)
  return finding.tag === 'same' || finding.tag === 'restored' ? undefined : describeFinding(finding)
}

/** Why a table cannot be compared with this stream; undefined when it can. */
const problemOf = async (run: Run, target: Target): Promise<string | undefined> => {
  const { tables, signal } = run
  const { table } = target
  const facts = await persist(tableFacts(tables, table, TABLES[PROJECTION]), signal)
  if (facts === undefined) return 'it does not exist'
  if (facts.problems.length > 0) throw new CannotVerify(`table ${table}: ${facts.problems.join('; ')}`)
  const acked_seq = await ackedSeq(run, target)
  const identity = await persist(readIdentity(tables, table), signal)
  if (identity === undefined) return 'it does not say what it was folded from: it was emptied or made anew'
  if (identity.table_id !== facts.table_id) return 'it is another table than the one that was filled'
  if (identity.state === 'emptying') return 'it is being emptied, to be folded from sequence 1'
  if (identity.newest.seq < acked_seq)
    return `it is at ${identity.newest.seq}, but the projection had come to ${acked_seq}: it was set back`
  return streamProblem(run, identity)
}

/**
 * Waits until the table is the one that the projection filled. A projector that runs folds any other table again. Throws
 * `CannotVerify`, which names the table, when that takes longer than `timeout_ms`.
 */
export const waitForIdentity = async (run: Run, target: Target, timeout_ms: number): Promise<void> => {
  const until_ms = performance.now() + timeout_ms
  for (;;) {
    const problem = await problemOf(run, target)
    if (problem === undefined) return
    if (run.signal.aborted || performance.now() > until_ms)
      throw new CannotVerify(
        `table ${target.table} cannot be compared: ${problem}; a projector that runs folds it again by itself`,
      )
    run.onProgress('waiting', 0, 1)
    await pause(POLL, 1, run.signal)
  }
}
