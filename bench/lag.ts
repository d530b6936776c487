/**
 * The benchmark of the projection's lag: measures its maximum rate, and at half of that rate the time from publishing an
 * event until its balance is readable in the table. Then a process that only writes such items projects the same events on the same
 * servers: what the table server leaves to any projection. The goals come from the issues that asked for these benchmarks.
 */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { consumerName } from '../src/projections/target.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import { tableName } from '../src/tables/definition.js'
import type { Benchmark, Surroundings } from './benchmark.js'
import { createHistogram } from './measure/histogram.js'
import type { Options } from './options.js'
import { startReady } from './processes/load-client.js'
import { startServers } from './processes/servers.js'
import { type Addresses, startService, untilReady } from './processes/service.js'
import { openConnection, openFolder } from './stage.js'
import { CUSTOMERS } from './work/customers.js'
import { publishEvents, publishSteadily } from './work/events.js'
import { probeLag } from './work/lag.js'

const P99_GOAL_MS = 50
const BARE_GOAL = 0.9
const BARE = 'bare-projector'
const TABLE = tableName('customer-balances', 'ledger', 1)
const CONSUMER = consumerName('ledger', 1)
/** So many last for some seconds: each event writes several items. */
const FLOOD_EVENTS: Readonly<Record<Options['dynamodb'], number>> = { embedded: 20_000, 'stand-in': 60_000 }
const FOLDED_MS_MAX = 120_000
const SECONDS_MIN = 5
const POLL_MS = 20

/** Waits until a projection has acknowledged all events of the stream. */
const untilFolded = async (
  jsm: JetStreamManager,
  signal: AbortSignal,
  consumer = CONSUMER,
): Promise<number> => {
  const { state } = await jsm.streams.info(LEDGER_STREAM)
  const until_ms = performance.now() + FOLDED_MS_MAX
  for (;;) {
    const { ack_floor } = await jsm.consumers.info(LEDGER_STREAM, consumer)
    if (ack_floor.stream_seq >= state.last_seq) return state.messages
    signal.throwIfAborted()
    if (performance.now() > until_ms) throw new Error('not everything was projected in time')
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** Events per second from the first acknowledgement after the event `after_seq` until everything is acknowledged. */
const rateAfter = async (
  jsm: JetStreamManager,
  after_seq: number,
  signal: AbortSignal,
  consumer = CONSUMER,
): Promise<number> => {
  const until_ms = performance.now() + FOLDED_MS_MAX
  for (;;) {
    const { ack_floor } = await jsm.consumers.info(LEDGER_STREAM, consumer)
    if (ack_floor.stream_seq > after_seq) {
      const began_ms = performance.now()
      const events = await untilFolded(jsm, signal, consumer)
      return ((events - ack_floor.stream_seq) / (performance.now() - began_ms)) * 1_000
    }
    signal.throwIfAborted()
    if (performance.now() > until_ms) throw new Error('nothing was projected in time')
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

const ms = (us: number | undefined): string => (us === undefined ? '-' : (us / 1_000).toFixed(1))
const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
const verdict = (is_met: boolean): string => (is_met ? 'met' : 'missed')

/** The rate, in events/s, at which a process that only writes the items projects the whole stream. */
const bareRate = async (
  { nats_url, dynamodb_endpoint, journal }: Addresses,
  jsm: JetStreamManager,
  { cleanup, signal }: Surroundings,
): Promise<number> => {
  const child = await startReady('bare-projector', [nats_url, dynamodb_endpoint, BARE, journal])
  cleanup.push(child.stop)
  const failed = child.ended.then(how => {
    throw new Error(`the process that only writes ${how}`)
  })
  return Promise.race([rateAfter(jsm, CUSTOMERS, signal, BARE), failed])
}

/** Measures the maximum rate, and the lag at half of it. Returns a table row. */
const measure = async (
  options: Options,
  sync_interval: string,
  surroundings: Surroundings,
): Promise<string[]> => {
  const { cleanup, signal, say } = surroundings
  const folder = openFolder(cleanup)
  const addresses = await startServers({ folder, sync_interval, ...options }, cleanup)
  const nc = await openConnection(addresses.nats_url, cleanup)
  const place = { nc, folder, journal: options.journal, ...addresses }
  const jsm = await jetstreamManager(nc)
  const profile = options.profile_dir === undefined ? {} : { profile_dir: options.profile_dir }
  const service = startService({ ...place, ...profile, roles: 'projections' })
  cleanup.push(service.stop)
  const isConsumed = (): Promise<boolean> =>
    jsm.consumers.info(LEDGER_STREAM, CONSUMER).then(
      () => true,
      () => false,
    )
  await untilReady(service, isConsumed, signal)

  // the first event of a customer is different work, because it creates an item: neither rate has any of them
  await publishEvents(nc, CUSTOMERS, 0, CUSTOMERS, signal)
  await untilFolded(jsm, signal)
  let next = CUSTOMERS + FLOOD_EVENTS[options.dynamodb]
  await publishEvents(nc, CUSTOMERS, CUSTOMERS, next, signal)
  // publishing takes processor time that the projection lacks, and nothing is published beside the process that only writes
  const max_per_s = await rateAfter(jsm, CUSTOMERS, signal)
  say(`${whole(max_per_s)} events/s at the most`)

  const latencies = createHistogram()
  for (let round = 0; round < options.rounds; round += 1) {
    const until_ms = performance.now() + Math.max(options.seconds, SECONDS_MIN) * 1_000
    const isEnded = (): boolean => performance.now() > until_ms || signal.aborted
    const [at, found] = await Promise.all([
      publishSteadily(nc, CUSTOMERS, next, max_per_s / 2, isEnded, signal),
      probeLag({ ...place, table: TABLE, signal }, isEnded),
    ])
    next = at
    latencies.merge(found.data())
    await untilFolded(jsm, signal)
    say(`round ${round + 1}: p99 ${ms(found.percentile_us(99))} ms`)
  }
  await service.stop()
  const bare_per_s = await bareRate(place, jsm, surroundings)
  say(`${whole(bare_per_s)} events/s by a process that only writes`)
  const p99_us = latencies.percentile_us(99) ?? Number.POSITIVE_INFINITY
  return [
    whole(max_per_s),
    whole(max_per_s / 2),
    ms(latencies.percentile_us(50)),
    ms(p99_us),
    ms(latencies.max_us()),
    whole(latencies.count()),
    String(P99_GOAL_MS),
    verdict(p99_us <= P99_GOAL_MS * 1_000),
    whole(bare_per_s),
    (max_per_s / bare_per_s).toFixed(2),
    BARE_GOAL.toFixed(2),
    verdict(max_per_s / bare_per_s >= BARE_GOAL),
  ]
}

const HEAD = [
  ...['max events/s', 'load events/s', 'p50 ms', 'p99 ms', 'max ms', 'probes', 'p99 goal', ''],
  ...['only writing, events/s', 'of that', 'goal', ''],
]

export const lag: Benchmark = async (options, sync_interval, surroundings) => {
  const row = await measure(options, sync_interval, surroundings)
  return {
    title: `lag: from publishing an event until its balance is readable, sync_interval ${sync_interval}`,
    settings: {
      customers: whole(CUSTOMERS),
      seconds: Math.max(options.seconds, SECONDS_MIN),
      rounds: options.rounds,
      node: process.version,
    },
    lines: [],
    tables: [{ head: HEAD, rows: [row] }],
  }
}
