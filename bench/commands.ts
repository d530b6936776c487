/**
 * The benchmark of the command side: measures accepted commands, one by one and in bulk, beside NATS itself on the same
 * machine in the same minutes. The goals come from the issue that asked for the command side.
 */

import type { Benchmark } from './benchmark.js'
import { firstCommands, fund } from './fund.js'
import { type Line, measureLines, type RatioTo } from './measure/rounds.js'
import { WITHOUT_PROJECTOR } from './processes/service.js'
import { openStage } from './stage.js'
import { prepareByHand } from './work/by-hand.js'
import { CUSTOMERS } from './work/customers.js'

/** Single requests in flight: enough to keep every process busy. */
const IN_FLIGHT = 500
/** Equals the number of the DynamoDB client's connections: further requests would wait in the client and time out. */
const BY_HAND_IN_FLIGHT = 64
/** Requests in flight with 1,000 commands each: one is being stored while the others are on their way. */
const BULK_IN_FLIGHT = 4

const ECHO = 'echo'
const SINGLE = 'raw single'
const BATCH = 'raw batch of 1,000'
/** The harder baseline: our writer is faster when the load client and the server share few cores. */
const OWN_BATCH = 'raw batch of 1,000, by our writer'
/** The server's own speed for events that are as safe as ours: no command side can be faster. */
const GUARDED_BATCH = 'raw batch of 1,000, with ids and expected sequences'
const BY_HAND = 'a DynamoDB transaction per credit, uniform'
const BY_HAND_HOT = 'a DynamoDB transaction per credit, one hot account'
const UNIFORM = 'credit, uniform'
const WITH_ID = 'credit with an id, uniform'

/**
 * The lines of a session, with their baselines and goals. When every message is flushed, the disk is the limit, so another
 * baseline has the goal. The goals are for one server: an echo uses only one server, so it says little beside three servers
 * on one machine.
 */
const linesFor = (sync_interval: string, replicas: number): readonly Line[] => {
  const to = (baseline: string | readonly string[], goal?: number): RatioTo => ({
    to: typeof baseline === 'string' ? [baseline] : baseline,
    ...(goal === undefined || replicas > 1 ? {} : { goal }),
  })
  const is_flushed = sync_interval === 'always'
  const oneByOne = [is_flushed ? to(ECHO) : to(ECHO, 0.6), is_flushed ? to(SINGLE, 1.2) : to(SINGLE)]
  // the DynamoDB server flushes on commit: compared with commands that are not flushed, the ratio would flatter them
  const byHand = (baseline: string) => (is_flushed ? [to(baseline)] : [])
  const inBulk = is_flushed
    ? [to(BATCH), to(OWN_BATCH), to(GUARDED_BATCH), to([SINGLE, BATCH, OWN_BATCH], 0.9)]
    : [to(BATCH, 0.5), to(OWN_BATCH, 0.5), to(GUARDED_BATCH), to([SINGLE, BATCH, OWN_BATCH])]
  return [
    { name: ECHO, work: 'echo', in_flight: IN_FLIGHT, ratios: [] },
    { name: SINGLE, work: 'rawSingle', in_flight: IN_FLIGHT, ratios: [] },
    { name: BATCH, work: 'rawBatch', in_flight: BULK_IN_FLIGHT, ratios: [] },
    { name: OWN_BATCH, work: 'ownBatch', in_flight: BULK_IN_FLIGHT, ratios: [] },
    { name: GUARDED_BATCH, work: 'guardedBatch', in_flight: BULK_IN_FLIGHT, ratios: [] },
    { name: BY_HAND, work: 'byHandUniform', in_flight: BY_HAND_IN_FLIGHT, ratios: [] },
    { name: BY_HAND_HOT, work: 'byHandHot', in_flight: BY_HAND_IN_FLIGHT, ratios: [] },
    { name: UNIFORM, work: 'creditUniform', in_flight: IN_FLIGHT, ratios: [...oneByOne, ...byHand(BY_HAND)] },
    {
      name: 'credit, one hot account',
      work: 'creditHot',
      in_flight: IN_FLIGHT,
      ratios: [...oneByOne, to(UNIFORM, 0.9), ...byHand(BY_HAND_HOT)],
    },
    {
      name: 'credit, 90/10',
      work: 'creditNinetyTen',
      in_flight: IN_FLIGHT,
      ratios: [...oneByOne, to(UNIFORM)],
    },
    // a transfer is one command and two events
    { name: 'transfer', work: 'transfer', in_flight: IN_FLIGHT, ratios: [to(ECHO), to(SINGLE), to(UNIFORM)] },
    { name: WITH_ID, work: 'creditWithId', in_flight: IN_FLIGHT, ratios: [to(UNIFORM)] },
    // each has an id, because the id of a hold is that of its command
    {
      name: 'holds and captures in turn',
      work: 'holdAndCapture',
      in_flight: IN_FLIGHT,
      ratios: [to(WITH_ID, 0.8)],
    },
    { name: 'credit, 1,000 in one request', work: 'bulk', in_flight: BULK_IN_FLIGHT, ratios: inBulk },
  ]
}

export const commands: Benchmark = async (options, sync_interval, { cleanup, signal, say }) => {
  const stage = await openStage({
    options,
    sync_interval,
    cleanup,
    signal,
    say,
    ...(options.roles.includes('projections') ? {} : { env: WITHOUT_PROJECTOR }),
    prepare: async service => {
      await fund(service, signal)
      await prepareByHand(service.dynamodb_endpoint)
    },
  })
  say(`measuring with sync_interval ${sync_interval}, NATS at ${stage.nats_url}`)
  const first_ms = await firstCommands(stage.nc, signal)
  const wanted = linesFor(sync_interval, options.replicas).filter(
    ({ name }) => options.only.length === 0 || options.only.some(text => name.includes(text)),
  )
  const lines = await measureLines(wanted, options.rounds, stage.runOnce)
  return {
    title: `commands, sync_interval ${sync_interval}`,
    settings: {
      seconds: options.seconds,
      rounds: options.rounds,
      'client processes': options.clients,
      'client options': options.lean ? 'noAsyncTraces' : 'defaults',
      roles: options.roles,
      ...(first_ms === undefined
        ? {}
        : {
            [`first command of each of ${CUSTOMERS} customers, all together`]: `${Math.round(first_ms)} ms`,
          }),
      node: process.version,
    },
    lines,
  }
}
