/** Measures rounds of reading and rebuilding one stream, on servers of its own. */

import { E } from '../src/fp.js'
import { createStack } from '../src/stack.js'
import { provision } from '../src/stream/provision.js'
import type { Surroundings } from './benchmark.js'
import type { Options } from './options.js'
import { type ReplayRun, runReader, runReplay } from './processes/replay.js'
import { startServers } from './processes/servers.js'
import type { Addresses } from './processes/service.js'
import { openConnection, openFolder } from './stage.js'
import { publishEvents } from './work/events.js'

export const MB = 1024 * 1024

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
const perSecond = (events: number, ms: number): number => (events / ms) * 1_000

/** What each of them does: processes/reader.ts. */
const READERS = ['range', 'consumer', 'fold'] as const
type ReaderName = (typeof READERS)[number]

/** The measurements on one stream: rates in events/s, one for each round, and a row of text for every run. */
export type Rounds = {
  readonly customers: number
  readonly read: Readonly<Record<ReaderName, number[]>>
  /** The rate of the replay divided by the rate of each reader in the same round. */
  readonly ratios: Readonly<Record<ReaderName, number[]>>
  readonly replays: ReplayRun[]
  readonly rows: string[][]
}

type Place = Addresses & {
  readonly folder: string
  readonly profile_dir?: string | undefined
}

const replayRow = ({ events, customers, took, cpu_ms, peak_bytes }: ReplayRun): string[] => [
  'replay',
  whole(customers),
  whole(events),
  whole(perSecond(events, took.folding_ms + took.comparing_ms)),
  '',
  whole(took.folding_ms),
  whole(took.comparing_ms),
  whole(took.switching_ms),
  whole(cpu_ms),
  whole(peak_bytes / MB),
]

/** Measures one round: each reader, then the rebuild, on the same stream. */
const round = async (place: Place, rounds: Rounds, { signal, say }: Surroundings): Promise<void> => {
  const { folder, nats_url, profile_dir } = place
  const { customers, rows } = rounds
  for (const name of READERS) {
    const { events, took_ms, cpu_ms } = await runReader(name, nats_url, signal)
    const rate = perSecond(events, took_ms)
    rounds.read[name].push(rate)
    const measured = [whole(events), whole(rate), whole(took_ms), '', '', '', whole(cpu_ms)]
    rows.push([`read only, ${name}`, whole(customers), ...measured])
    say(`read only, ${name}: ${whole(rate)}/s`)
  }
  const run = await runReplay(folder, place, signal, profile_dir)
  rounds.replays.push(run)
  const { events, took } = run
  const rate = perSecond(events, took.folding_ms + took.comparing_ms)
  for (const name of READERS) rounds.ratios[name].push(rate / (rounds.read[name].at(-1) ?? 0))
  rows.push(replayRow(run))
  say(`replay: ${whole(rate)}/s`)
}

/** Measures rebuilds of a stream with `customers` customers. */
export const measureRebuild = async (
  customers: number,
  options: Options,
  sync_interval: string,
  surroundings: Surroundings,
): Promise<Rounds> => {
  const { signal, say } = surroundings
  const cleanup = createStack()
  try {
    const folder = openFolder(cleanup)
    const addresses = await startServers({ folder, sync_interval, ...options }, cleanup)
    const nc = await openConnection(addresses.nats_url, cleanup)
    const provisioned = await provision(nc, { replicas: options.replicas })()
    if (E.isLeft(provisioned)) throw new Error(provisioned.left.message)
    const place = { folder, journal: options.journal, ...addresses, profile_dir: options.profile_dir }
    const rounds: Rounds = {
      customers,
      read: { range: [], consumer: [], fold: [] },
      ratios: { range: [], consumer: [], fold: [] },
      replays: [],
      rows: [],
    }
    say(`publishing ${whole(options.events)} events of ${whole(customers)} customers`)
    await publishEvents(nc, customers, 0, options.events, signal)
    for (let i = 0; i < options.rounds; i += 1) await round(place, rounds, surroundings)
    return rounds
  } finally {
    await cleanup.stop()
  }
}
