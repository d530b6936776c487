/**
 * The benchmark of accounts: measures `jetledger replay` and `jetledger verify` of a ledger whose customers have holds and
 * limits, beside a ledger of plain events that has as many of both; and what an event costs on an account with all its holds.
 * Both replays write at DynamoDB's speed, a row for each event that counts.
 */

import { availableParallelism } from 'node:os'
import { E } from '../src/fp.js'
import { HOLDS_MAX } from '../src/ledger/rules.js'
import { createStack } from '../src/stack.js'
import { provision } from '../src/stream/provision.js'
import { BATCH_MESSAGES_MAX } from '../src/stream/publish.js'
import type { Benchmark, Surroundings } from './benchmark.js'
import { median } from './measure/run.js'
import type { Options } from './options.js'
import { type ReplayRun, runReplay, runVerify, type VerifyRun } from './processes/replay.js'
import { startServers } from './processes/servers.js'
import { MB, whole } from './rebuild-rounds.js'
import { openConnection, openFolder } from './stage.js'
import { createAccountEvents } from './work/account-events.js'
import { publishEvents, publishOne } from './work/events.js'
import { measureFullAccount } from './work/full-account.js'

const KINDS = ['plain', 'mixed'] as const
type Kind = (typeof KINDS)[number]

type Measured = { readonly replays: readonly ReplayRun[]; readonly verifies: readonly VerifyRun[] }

const publishMixed = async (
  nc: Awaited<ReturnType<typeof openConnection>>,
  customers: number,
  events: number,
  signal: AbortSignal,
): Promise<void> => {
  const source = createAccountEvents(customers)
  for (let at = 0; at < events; at += BATCH_MESSAGES_MAX) {
    signal.throwIfAborted()
    const length = Math.min(BATCH_MESSAGES_MAX, events - at)
    const messages = Array.from({ length }, () => source.next(Date.now()))
    await publishOne(nc, messages, signal)
  }
}

const measure = async (
  kind: Kind,
  customers: number,
  options: Options,
  sync_interval: string,
  { signal, say }: Surroundings,
): Promise<Measured> => {
  const cleanup = createStack()
  try {
    const folder = openFolder(cleanup)
    const servers = await startServers({ folder, sync_interval, ...options }, cleanup)
    const addresses = { ...servers, journal: options.journal }
    const nc = await openConnection(addresses.nats_url, cleanup)
    const provisioned = await provision(nc, { replicas: options.replicas })()
    if (E.isLeft(provisioned)) throw new Error(provisioned.left.message)
    say(`publishing ${whole(options.events)} ${kind} events of ${whole(customers)} customers`)
    if (kind === 'plain') await publishEvents(nc, customers, 0, options.events, signal)
    else await publishMixed(nc, customers, options.events, signal)
    const [replays, verifies]: [ReplayRun[], VerifyRun[]] = [[], []]
    for (let i = 0; i < options.rounds; i += 1) {
      replays.push(await runReplay(folder, addresses, signal, options.profile_dir))
      verifies.push(await runVerify(folder, addresses, signal))
      say(`${kind}: ${whole(verifies.at(-1)?.took_ms ?? 0)} ms to verify`)
    }
    return { replays, verifies }
  } finally {
    await cleanup.stop()
  }
}

const tookOf = ({ took }: ReplayRun): number => took.folding_ms + took.comparing_ms + took.switching_ms

const medians = ({ replays, verifies }: Measured) => ({
  replay_ms: median(replays.map(tookOf)) ?? 0,
  verify_ms: median(verifies.map(({ took_ms }) => took_ms)) ?? 0,
})

export const accounts: Benchmark = async (options, sync_interval, surroundings) => {
  const full = measureFullAccount()
  surroundings.say(
    `a full account: ${full.decide_us.toFixed(1)} us to decide, ${full.fold_us.toFixed(1)} us to fold`,
  )
  const customers = options.customers.at(-1) ?? 1
  const rows: string[][] = []
  const found = new Map<Kind, ReturnType<typeof medians>>()
  for (const kind of KINDS) {
    const measured = await measure(kind, customers, options, sync_interval, surroundings)
    const { replay_ms, verify_ms } = medians(measured)
    found.set(kind, { replay_ms, verify_ms })
    const peak = Math.max(...[...measured.replays, ...measured.verifies].map(({ peak_bytes }) => peak_bytes))
    rows.push([kind, whole(replay_ms), whole(verify_ms), whole(peak / MB)])
  }
  const [plain, mixed] = [found.get('plain'), found.get('mixed')]
  const ratio = (name: 'replay_ms' | 'verify_ms'): string => {
    const [of_plain, of_mixed] = [plain?.[name] ?? 0, mixed?.[name] ?? 0]
    return of_plain === 0 ? '-' : (of_mixed / of_plain).toFixed(2)
  }
  return {
    title: 'accounts: replay and verify of holds, captures and limits beside plain events',
    settings: {
      events: whole(options.events),
      customers: whole(customers),
      rounds: options.rounds,
      cores: availableParallelism(),
      node: process.version,
    },
    lines: [],
    tables: [
      {
        head: [`an account with ${HOLDS_MAX} open holds`, 'us an event'],
        rows: [
          ['decide and encode', full.decide_us.toFixed(1)],
          ['decode and fold', full.fold_us.toFixed(1)],
        ],
      },
      { head: ['median of the rounds', 'replay ms', 'verify ms', 'peak MB'], rows },
      { head: ['', 'replay', 'verify'], rows: [['mixed / plain', ratio('replay_ms'), ratio('verify_ms')]] },
    ],
  }
}
