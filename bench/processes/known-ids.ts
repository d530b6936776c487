/** Starts the set of known ids as a process with the role `commands` does, once, and reports how long that took. */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from 'nats'
import { pino } from 'pino'
import { followKnownIds } from '../../src/commands/idempotency/known-ids.js'
import { createHealth } from '../../src/health.js'

/** The message that the process sends at its end. */
export type StartReport = {
  readonly tag: 'started'
  /** From the start of following until it was certain which ids are new. */
  readonly took_ms: number
  readonly cpu_ms: number
  readonly peak_bytes: number
  /** The longest time for which the event loop was held. */
  readonly held_ms: number
  /** The part of new ids that would be looked up for nothing. */
  readonly maybe_share: number
}

const POLL_MS = 10
const QUESTIONS = 100_000
const US_PER_MS = 1_000
const NS_PER_MS = 1_000_000
const BYTES_PER_KB = 1_024

process.on('disconnect', () => process.exit(0))

const [, , nats_url = ''] = process.argv
const nc = await connect({ servers: nats_url.split(','), name: 'jetledger-bench-ids', reconnect: false })
const jsm = await jetstreamManager(nc)
const loop = monitorEventLoopDelay({ resolution: 1 })
loop.enable()
const began_ms = performance.now()
const before = process.cpuUsage()
const log = pino({ level: 'silent' })
const known = followKnownIds({ nc, jsm, log, health: createHealth(() => undefined) })
while (!(await known.reachEnd(POLL_MS)) || known.exactAfter() === undefined) await pause(POLL_MS)
const took_ms = performance.now() - began_ms
const { user, system } = process.cpuUsage(before)
const held_ms = loop.max / NS_PER_MS
let maybes = 0
for (let i = 0; i < QUESTIONS; i += 1) if (known.mayHave(`never-${i}`)) maybes += 1
const report: StartReport = {
  tag: 'started',
  took_ms,
  cpu_ms: (user + system) / US_PER_MS,
  peak_bytes: process.resourceUsage().maxRSS * BYTES_PER_KB,
  held_ms,
  maybe_share: maybes / QUESTIONS,
}
process.send?.(report, () => process.exit(0))
