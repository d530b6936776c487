/**
 * Prepares a projection's table and its consumer before a projector works on them.
 *
 * It makes the table and the consumer when they are missing. It begins again from the first event when the table is
 * not the one that the projection filled. The order of beginning again makes it exact under any crash, and beside
 * instances that do not know of it yet: the table's epoch changes first, so that no instance can note and acknowledge
 * progress of the epoch before; then the consumer is set back; then the table is emptied; and only then may it be
 * filled. An instance that finds this half done goes on with it.
 */

import type { Consumer } from '@nats-io/jetstream'
import { E, Failed, run } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { dropConsumer, ensureConsumer, restartConsumer } from '../stream/consumer.js'
import { readOrigin } from '../stream/identity.js'
import { TABLES } from '../tables/definition.js'
import { emptyStep } from '../tables/empty.js'
import { type Identity, noteStream, startFilling } from '../tables/identity.js'
import { createTable } from '../tables/provision.js'
import { beginTable } from './begin-table.js'
import { type Belonging, judge, look, originIn, type Seen, streamText } from './belonging.js'
import { failedWith, persist } from './persist.js'
import type { Target } from './target.js'

/** The consumer and the table's identity that a projector works with. */
export type PreparedProjector = { readonly consumer: Consumer; readonly identity: Identity }

/** The largest number of tries: each step, and each change by another instance, takes one. */
const TRIES_MAX = 50

/**
 * Whether this generation is active, or kept for a way back. A generation that is neither is removed, or soon will
 * be.
 */
const isOurs = async ({ jsm, projection, generation }: Target): Promise<boolean> => {
  const pointer = await run(readPointer(jsm, projection.name))
  return pointer.generation === generation || pointer.previous === generation
}

const unexpected = (message: string): Failed => new Failed({ tag: 'Unexpected', message })

/** Sets the consumer back, deletes the items of an earlier epoch, and then allows the table to be filled. */
const empty = async (target: Target, identity: Identity, signal: AbortSignal): Promise<void> => {
  const { jsm, tables, table } = target
  await run(restartConsumer(jsm, target.consumer))
  for (let has_deleted = true; has_deleted; ) {
    has_deleted = false
    let next: Parameters<typeof emptyStep>[3]
    do {
      const step = await persist(() => run(emptyStep(tables, table, identity, next)), signal)
      signal.throwIfAborted()
      next = step.next
      has_deleted ||= step.deleted > 0
    } while (next !== undefined)
  }
  await run(startFilling(tables, table, identity))
}

/**
 * Notes the stream's first event once there is one, the new creation time of a stream that was restored whole, and the name of
 * the group of servers, which earlier builds did not note.
 */
const renewOrigin = async (target: Target, { identity, finding }: Seen): Promise<void> => {
  if (identity === undefined) return
  const noted_origin = originIn(identity)
  const is_whole = noted_origin?.first !== undefined && noted_origin.raft_group !== undefined
  if (is_whole && finding?.tag !== 'restored') return
  const origin = await run(readOrigin(target.jsm))
  if (streamText(origin) !== identity.stream)
    await run(noteStream(target.tables, target.table, identity, streamText(origin)))
}

const make = async ({ jsm, tables, table, consumer, projection, log }: Target): Promise<void> => {
  // the consumer is set back first: after a crash in between, it would not fill the new table from the start
  await run(restartConsumer(jsm, consumer))
  await run(createTable(tables, table, TABLES[projection.name]))
  log.info({ projection: projection.name, table }, 'created a table; it is filled from sequence 1')
}

/** Takes one step towards a table that is ready. Returns the identity once it is, and undefined before. */
const step = async (
  target: Target,
  belonging: Belonging,
  seen: Seen,
  signal: AbortSignal,
): Promise<Identity | undefined> => {
  switch (belonging.tag) {
    case 'unusable':
    case 'stream lacks events':
      throw unexpected(belonging.message)
    case 'absent':
      await make(target)
      return undefined
    case 'begin':
      await beginTable(target, seen.identity, seen.facts?.table_id ?? '', belonging.reason)
      return undefined
    case 'emptying':
      await empty(target, belonging.identity, signal)
      return undefined
    case 'ours':
      await renewOrigin(target, seen)
      return belonging.identity
  }
}

/** Whether another instance was faster, so that the table has to be looked at again. */
const isOvertaken = (thrown: unknown): boolean =>
  failedWith(thrown, 'ConditionFailed') || failedWith(thrown, 'NotOurs')

/**
 * Returns a consumer and a table's identity that belong together. Returns undefined when a replay has removed both
 * while this process was held up: the pointer is read after the table and the consumer, so that they are not made
 * again. Throws `Failed`.
 */
export const prepare = async (
  target: Target,
  signal: AbortSignal,
): Promise<PreparedProjector | undefined> => {
  const { nc, table, consumer } = target
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    signal.throwIfAborted()
    const seen = await look(target)
    const belonging = judge(table, seen)
    if (!(await isOurs(target))) return undefined
    try {
      const identity = await step(target, belonging, seen, signal)
      if (identity === undefined) continue
      const durable = await run(ensureConsumer(nc, consumer))
      if (await isOurs(target)) return { consumer: durable, identity }
      // where a projection may not delete consumers it has not made this one either
      const dropped = await dropConsumer(nc, consumer)()
      if (E.isLeft(dropped) && dropped.left.tag !== 'Forbidden') throw new Failed(dropped.left)
      return undefined
    } catch (thrown) {
      if (!isOvertaken(thrown)) throw thrown
    }
  }
  throw unexpected(`the table ${table} keeps changing`)
}
