/**
 * The benchmark of a rebuild: how fast `jetledger replay` folds a stream, beside reading the same stream and doing
 * nothing with it. The goals are those of the issue that asked for it.
 */

import { availableParallelism } from 'node:os'
import { E } from '../src/fp.js'
import { provision } from '../src/stream/provision.js'
import type { Benchmark, Surroundings } from './benchmark.js'
import { median } from './measure/run.js'
import { type ReplayRun, runReader, runReplay } from './processes/replay.js'
import { startServers } from './processes/servers.js'
import type { Table } from './report.js'
import { openConnection, openFolder } from './stage.js'
import { CUSTOMERS } from './work/customers.js'
import { publishEvents } from './work/events.js'

const RATIO_GOAL = 0.7
const PEAK_BYTES_GOAL = 512 * 1024 * 1024
const MB = 1024 * 1024
/** What writes per event does so at DynamoDB's speed: a part of the stream says as much as the whole. */
const ROWS_SHARE = 0.05

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
const perSecond = (events: number, ms: number): number => (events / ms) * 1_000
const verdict = (met: boolean): string => (met ? 'met' : 'missed')

const HEAD = ['', 'events', 'events/s', 'read ms', 'fold ms', 'compare ms', 'switch ms', 'cpu ms', 'peak MB']

const replayRow = (name: string, { events, took, cpu_ms, peak_bytes }: ReplayRun): string[] => [
  `replay ${name}`,
  whole(events),
  whole(perSecond(events, took.folding_ms + took.comparing_ms)),
  '',
  whole(took.folding_ms),
  whole(took.comparing_ms),
  whole(took.switching_ms),
  whole(cpu_ms),
  whole(peak_bytes / MB),
]

type Rounds = {
  readonly range: number[]
  readonly consumer: number[]
  readonly ratios: number[]
  readonly replays: ReplayRun[]
}

const goals = ({ range, consumer, ratios, replays }: Rounds): Table => {
  const ratio = median(ratios) ?? 0
  const peak = Math.max(...replays.map(({ peak_bytes }) => peak_bytes))
  return {
    head: ['median of the rounds', 'value', 'goal', ''],
    rows: [
      ['read only, the reader of a rebuild, events/s', whole(median(range) ?? 0), '', ''],
      ['read only, the ordered consumer of the client, events/s', whole(median(consumer) ?? 0), '', ''],
      [
        'replay balances / the faster of them',
        ratio.toFixed(2),
        RATIO_GOAL.toFixed(2),
        verdict(ratio >= RATIO_GOAL),
      ],
      ['peak memory, MB', whole(peak / MB), whole(PEAK_BYTES_GOAL / MB), verdict(peak <= PEAK_BYTES_GOAL)],
    ],
  }
}

type Place = {
  readonly folder: string
  readonly nats_url: string
  readonly dynamodb_endpoint: string
  readonly profile_dir?: string | undefined
}

/** One round: each reader, then the rebuild, on the same stream. */
const round = async (place: Place, rounds: Rounds, rows: string[][], { signal, say }: Surroundings) => {
  const { folder, nats_url, profile_dir } = place
  const best = { rate: 0 }
  for (const name of ['range', 'consumer'] as const) {
    const { events, took_ms, cpu_ms } = await runReader(name, nats_url, signal)
    const rate = perSecond(events, took_ms)
    rounds[name].push(rate)
    best.rate = Math.max(best.rate, rate)
    rows.push([`read only, ${name}`, whole(events), whole(rate), whole(took_ms), '', '', '', whole(cpu_ms)])
    say(`read only, ${name}: ${whole(rate)}/s`)
  }
  const run = await runReplay('balances', folder, place, signal, profile_dir)
  rounds.replays.push(run)
  const { events, took } = run
  const rate = perSecond(events, took.folding_ms + took.comparing_ms)
  rounds.ratios.push(rate / best.rate)
  rows.push(replayRow('balances', run))
  say(`replay balances: ${whole(rate)}/s`)
}

export const rebuild: Benchmark = async (options, sync_interval, surroundings) => {
  const { cleanup, signal, say } = surroundings
  const folder = openFolder(cleanup)
  const addresses = await startServers(folder, sync_interval, cleanup)
  const nc = await openConnection(addresses.nats_url, cleanup)
  const provisioned = await provision(nc, { replicas: 1 })()
  if (E.isLeft(provisioned)) throw new Error(provisioned.left.message)
  const place = { folder, ...addresses, profile_dir: options.profile_dir }

  // what writes a row per event first, while the stream is short
  const first = Math.max(1, Math.round(options.events * ROWS_SHARE))
  say(`publishing ${whole(options.events)} events`)
  await publishEvents(nc, 0, first, signal)
  const rows: string[][] = []
  for (const name of ['journal', 'totals', 'ranking']) {
    rows.push(replayRow(name, await runReplay(name, folder, place, signal)))
    say(`replayed ${name}`)
  }
  await publishEvents(nc, first, options.events, signal)
  const rounds: Rounds = { range: [], consumer: [], ratios: [], replays: [] }
  for (let i = 0; i < options.rounds; i += 1) await round(place, rounds, rows, surroundings)
  return {
    title: 'rebuild: reading, folding in memory, writing and comparing whole tables',
    settings: {
      events: whole(options.events),
      customers: whole(CUSTOMERS),
      rounds: options.rounds,
      cores: availableParallelism(),
      node: process.version,
    },
    lines: [],
    tables: [{ head: HEAD, rows }, goals(rounds)],
  }
}
