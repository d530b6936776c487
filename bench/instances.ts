/**
 * The benchmark of several instances: credits over NATS with one, two and three processes of the role `commands`, which
 * share their queue group. More instances must not be slower, and must not refuse what one instance accepts.
 */

import { jetstreamManager } from '@nats-io/jetstream'
import { createStack } from '../src/stack.js'
import { LEDGER_STREAM } from '../src/stream/settings.js'
import type { Benchmark, Surroundings } from './benchmark.js'
import { firstCommands, fund } from './fund.js'
import { type Goal, goalTable } from './goals.js'
import { bookMistakes, readStored } from './ledger/books.js'
import { latency, refusals } from './ledger/figures.js'
import type { Result } from './measure/job.js'
import { addErrors, type Run, summarize } from './measure/run.js'
import type { Options } from './options.js'
import { startLoadClient } from './processes/load-client.js'
import { createSeeds, runJobs, windowOf } from './processes/run-jobs.js'
import { WITHOUT_PROJECTOR } from './processes/service.js'
import { startServices } from './processes/services.js'
import type { Table } from './report.js'
import { openGround } from './stage.js'
import type { WorkName } from './work/index.js'

const INSTANCES = [1, 2, 3] as const
const IN_FLIGHT = 500
const LONGEST_MS = 1_000

type Customers = { readonly name: string; readonly work: WorkName; readonly ratio_goal: number }

const CUSTOMERS: readonly Customers[] = [
  { name: '10,000 customers', work: 'creditUniform', ratio_goal: 1 },
  { name: '1,000 customers', work: 'creditThousand', ratio_goal: 1 },
  { name: 'one hot account', work: 'creditHot', ratio_goal: 0.8 },
]

const nameOf = ({ name }: Customers, instances: number): string =>
  `${name}, ${instances} ${instances === 1 ? 'instance' : 'instances'}`

/** The runs of each line, by its name, over all rounds. */
type Runs = Map<string, Run[]>

/** Measures all lines with so many instances on servers of their own. */
const measureInstances = async (
  instances: number,
  options: Options,
  sync_interval: string,
  { cleanup, signal, say }: Surroundings,
  runs: Runs,
): Promise<void> => {
  const { nats_pids, dynamodb_pids, ...ground } = await openGround(options, sync_interval, cleanup)
  const { nc, nats_url } = ground
  await fund(ground, signal)
  const profile = options.profile_dir === undefined ? {} : { profile_dir: options.profile_dir }
  const services = await startServices(
    { ...ground, ...profile, roles: 'commands', env: WITHOUT_PROJECTOR },
    instances,
    {
      cleanup,
      signal,
    },
  )
  const { streams } = await jetstreamManager(nc)
  const lastSeq = async (): Promise<number> => (await streams.info(LEDGER_STREAM)).state.last_seq
  const from_seq = await lastSeq()
  await firstCommands(nc, signal)
  // every command up to here was accepted: the line's own commands are what is counted below
  const first_entries = (await lastSeq()) - from_seq
  const client = await startLoadClient({ nats_url, lean: options.lean })
  cleanup.push(client.stop)
  const abort = (): void => void client.stop()
  signal.addEventListener('abort', abort, { once: true })
  cleanup.push(() => signal.removeEventListener('abort', abort))
  const pids = {
    program: services.map(({ pid }) => pid),
    nats: nats_pids,
    dynamodb: dynamodb_pids,
    clients: [client.pid],
  }
  const nextSeed = createSeeds()
  const in_all: Result[] = [{ accepted: first_entries }]
  for (const customers of CUSTOMERS) {
    const name = nameOf(customers, instances)
    const pace = { kind: 'full', in_flight: IN_FLIGHT } as const
    const job = { work: customers.work, pace, ...windowOf(options.seconds) }
    const found = await runJobs([client], pids, job, nextSeed)
    signal.throwIfAborted()
    for (const { mustLive } of services) mustLive()
    if (found === 'unanswered') throw new Error(`${name}: nobody answers`)
    in_all.push(found.in_all)
    runs.set(name, [...(runs.get(name) ?? []), found.run])
    say(`${name}: ${Math.round(found.run.accepted_per_s)}/s, refusals: ${refusals(found.run.errors)}`)
  }
  const sum = {
    accepted: in_all.reduce((all, { accepted }) => all + accepted, 0),
    errors: addErrors(in_all.map(({ errors }) => errors ?? {})),
  }
  const mistakes = bookMistakes(sum, await readStored(nc, from_seq, await lastSeq()), 1, 1)
  if (mistakes.length > 0)
    throw new Error(`${instances} instances: the books are wrong: ${mistakes.join('; ')}`)
}

const goals: readonly Goal[] = CUSTOMERS.flatMap(customers =>
  INSTANCES.flatMap((instances): Goal[] => {
    const of = nameOf(customers, instances)
    const ratio: Goal = { kind: 'ratio', of, to: nameOf(customers, 1), at_least: customers.ratio_goal }
    return [
      ...(instances === 1 ? [] : [ratio]),
      { kind: 'max', of, at_most_ms: LONGEST_MS },
      { kind: 'refusals', of, at_most: 0 },
    ]
  }),
)

const HEAD = [
  '',
  'accepted/s',
  'to one instance',
  'p50 ms',
  'p99 ms',
  'max ms',
  'cpu program',
  'cpu nats',
  'refusals',
]

const tableOf = (runs: ReadonlyMap<string, Run>): Table => ({
  head: HEAD,
  rows: CUSTOMERS.flatMap(customers =>
    INSTANCES.flatMap(instances => {
      const name = nameOf(customers, instances)
      const run = runs.get(name)
      const alone = runs.get(nameOf(customers, 1))?.accepted_per_s ?? 0
      if (run === undefined) return []
      return [
        [
          name,
          Math.round(run.accepted_per_s).toLocaleString('en-US'),
          alone > 0 ? (run.accepted_per_s / alone).toFixed(2) : '-',
          ...[run.p50_ms, run.p99_ms, run.max_ms].map(latency),
          ...['program', 'nats'].map(group => run.cpu[group]?.toFixed(2) ?? '-'),
          refusals(run.errors),
        ],
      ]
    }),
  ),
})

export const instances: Benchmark = async (options, sync_interval, { signal, say }) => {
  const all: Runs = new Map()
  for (let round = 0; round < options.rounds; round += 1)
    for (const count of INSTANCES) {
      const own: Surroundings = { signal, say, cleanup: createStack() }
      try {
        await measureInstances(count, options, sync_interval, own, all)
      } finally {
        await own.cleanup.stop()
      }
    }
  const runs = new Map([...all].map(([name, of_line]) => [name, summarize(of_line)]))
  return {
    title: `several instances of commands, sync_interval ${sync_interval}`,
    settings: {
      seconds: options.seconds,
      rounds: options.rounds,
      'in flight': IN_FLIGHT,
      'transaction ids': 'none',
      node: process.version,
    },
    lines: [],
    figures: [...runs].map(([name, run]) => ({ name, run })),
    tables: [tableOf(runs), goalTable(goals, runs)].filter(table => table !== undefined),
    notes: ['the books of every line are right: each acknowledged command is stored once'],
  }
}
