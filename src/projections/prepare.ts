/**
 * Brings a projection's table and its consumer together before anybody works on them: makes what is missing, and begins
 * again from the first event where the table is not the one that the projection filled.
 *
 * The order of beginning again is what makes it exact under any crash, and beside instances that do not know yet: the
 * table's epoch changes first, so that nobody's progress of the epoch before can be noted and acknowledged; then the
 * consumer is dropped; then the table is emptied; and only then may it be filled. Whoever finds it half done goes on.
 */

import type { Consumer } from '@nats-io/jetstream'
import { Failed, run } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { dropConsumer, ensureConsumer } from '../stream/consumer.js'
import { readOrigin } from '../stream/identity.js'
import { TABLES } from '../tables/definition.js'
import { emptyStep } from '../tables/empty.js'
import { type Identity, noteStream, startFilling } from '../tables/identity.js'
import { createTable } from '../tables/provision.js'
import { beginTable } from './begin-table.js'
import { type Belonging, judge, look, originIn, type Seen, streamText } from './belonging.js'
import { failedWith, persist } from './outcome.js'
import type { Target } from './target.js'

/** What a projector works with. */
export type Prepared = { readonly consumer: Consumer; readonly identity: Identity }

/** How often the state of a table may change before our eyes. */
const TRIES_MAX = 50

/** Whether this generation is active, or kept for a way back; one that is neither was removed, or is about to be. */
const isOurs = async ({ jsm, projection, generation }: Target): Promise<boolean> => {
  const pointer = await run(readPointer(jsm, projection.name))
  return pointer.generation === generation || pointer.previous === generation
}

const unexpected = (message: string): Failed => new Failed({ tag: 'Unexpected', message })

/** Removes what an earlier epoch left, and lets the table be filled. */
const empty = async (target: Target, identity: Identity, signal: AbortSignal): Promise<void> => {
  const { nc, tables, table } = target
  await run(dropConsumer(nc, target.consumer))
  for (let found = true; found; ) {
    found = false
    let next: Parameters<typeof emptyStep>[3]
    do {
      const step = await persist(() => run(emptyStep(tables, table, identity, next)), signal)
      signal.throwIfAborted()
      next = step.next
      found ||= step.deleted > 0
    } while (next !== undefined)
  }
  await run(startFilling(tables, table, identity))
}

/** Notes the stream's first event once there is one, and the time of a stream that was restored whole. */
const renewOrigin = async (target: Target, { identity, finding }: Seen): Promise<void> => {
  if (identity === undefined) return
  const noted = originIn(identity)
  if (noted?.first !== undefined && finding?.tag !== 'restored') return
  const origin = await run(readOrigin(target.jsm))
  if (streamText(origin) !== identity.stream)
    await run(noteStream(target.tables, target.table, identity, streamText(origin)))
}

const make = async ({ nc, tables, table, consumer, projection, log }: Target): Promise<void> => {
  // the consumer first: a crash in between must not leave a new table that nobody fills from the start
  await run(dropConsumer(nc, consumer))
  await run(createTable(tables, table, TABLES[projection.name]))
  log.info({ projection: projection.name, table }, 'created a table; it is filled from sequence 1')
}

/** One step towards a table that can be worked on; the identity once it can. */
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

/** Somebody else was faster: what is to be done is looked at again. */
const isOvertaken = (thrown: unknown): boolean =>
  failedWith(thrown, 'ConditionFailed') || failedWith(thrown, 'NotOurs')

/**
 * The consumer and the identity of a table that belong together. Undefined when a replay has removed both, while this
 * process was held up: it asks after it has looked, so what is gone does not come back.
 */
export const prepare = async (target: Target, signal: AbortSignal): Promise<Prepared | undefined> => {
  const { nc, table, consumer } = target
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    signal.throwIfAborted()
    const seen = await look(target)
    const belonging = judge(table, seen)
    if (!(await isOurs(target))) return undefined
    try {
      const identity = await step(target, belonging, seen, signal)
      if (identity === undefined) continue
      const made = await run(ensureConsumer(nc, consumer))
      if (await isOurs(target)) return { consumer: made, identity }
      await run(dropConsumer(nc, consumer))
      return undefined
    } catch (thrown) {
      if (!isOvertaken(thrown)) throw thrown
    }
  }
  throw unexpected(`the table ${table} keeps changing`)
}
