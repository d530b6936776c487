/** Parses the command line of the benchmarks. */

import { parseArgs } from 'node:util'

export type Options = {
  readonly benchmark: string
  /** The duration of one measurement; a line is measured `rounds` times at each speed. */
  readonly seconds: number
  readonly rounds: number
  readonly clients: number
  /** Whether load clients do without the stack trace that the NATS client takes for each request by default. */
  readonly lean: boolean
  readonly sync_intervals: readonly string[]
  /** The replicas of the streams, each on a nats-server of its own. Production has 3. */
  readonly replicas: 1 | 3
  /** The roles of the service under measurement, as in JETLEDGER_ROLES. */
  readonly roles: string
  /** Only lines whose name contains one of these texts are measured; all lines when the list is empty. */
  readonly only: readonly string[]
  /** The number of events in the stream of `rebuild`, `accounts` and `ids`. */
  readonly events: number
  /** The numbers of customers in the stream of `rebuild`, which is measured once with each number; the others take the last. */
  readonly customers: readonly number[]
  readonly json: boolean
  /** The number of processes that run the program in `ledger`. */
  readonly instances: 1 | 2 | 3
  /** The table server: the embedded one, or a stand-in of the benchmarks that answers every request after 5 ms. */
  readonly dynamodb: 'embedded' | 'stand-in'
  /** Which events have rows in the table, as in JETLEDGER_JOURNAL. */
  readonly journal: 'every-event' | 'savepoints'
  /**
   * The rate of `ledger` in commands per second, whether or not the answers keep up (an open loop). Without it a client sends
   * its next request when it has the answer to the one before (a closed loop).
   */
  readonly rate?: number
  /** The measurements of each line of `ledger`, one after the other on the same servers, with figures of their own. */
  readonly pieces: number
  /** The folder that receives a CPU profile of the service. */
  readonly profile_dir?: string
  /** The file for the chart of `ledger`. */
  readonly chart_file?: string
}

export const USAGE = `usage: npm run bench -- <benchmark> [options]

  commands        credits and transfers, one by one and in bulk, beside bare NATS
  queries         balances from memory and from the table, beside a bare responder
  predecessor     the load with which the replaced service was measured
  rebuild         the rate of a replay, beside bare reading
  accounts        a replay and a verify of holds, captures and limits, beside plain events
  lag             the time from publishing an event until it is readable,
                  at half of the maximum load
  http            balances and credits over HTTP, beside bare fastify routes
  ledger          all roles over NATS and HTTP, beside PostgreSQL written by hand
  instances       credits with one, two and three instances of the role commands
  ids             a start with many known transaction ids, without and from a checkpoint
  all             each of these but predecessor, accounts and ids, shortened, in about a quarter of an hour;
                  --json and --chart are the only options

  --seconds N     the length of one measurement (3; ledger, instances: 10)
  --rounds N      measurements of each line at each speed; medians are printed (3; ledger, instances: 1)
  --sync WHEN     when nats-server flushes to disk: 2m, always or both
                  (commands: both; ledger, instances: always; else 2m)
  --replicas N    replicas of the stream, 1 or 3, each on a nats-server of its own (1)
  --clients N     load client processes (1; several on few cores leave little for the servers)
  --lean          load clients take no stack trace for each request, and so use less of
                  the machine: NATS's option \`noAsyncTraces\`
                  (ledger, instances: always)
  --roles ROLES   the roles of the service that is measured (commands)
  --events N      events in the stream of \`rebuild\` and \`accounts\` (200000), and of \`ids\` (1000000)
  --customers N   customers of these events (1000, then 10000 on another stream), and of \`ledger\` (10000)
  --instances N   1, 2 or 3 processes with all roles in \`ledger\` (1)
  --dynamodb KIND embedded, or stand-in: a table server of the benchmarks that answers
                  after 5 ms and has no ceiling (embedded)
  --journal KIND  every-event, or savepoints: which events have rows in the table,
                  for \`ledger\`, \`rebuild\` and \`lag\` (every-event)
  --rate N        commands per second of the lines of \`ledger\`, whether or not the
                  answers keep up; without it the next request follows an answer
  --pieces N      measurements of each line of \`ledger\`, one after the other on the same
                  servers: whether rates, latencies, lag and memory stay flat (1)
  --only TEXT     the lines whose name holds TEXT; may be given several times; ratios
                  need their baselines
  --chart FILE    write the rates of \`ledger\` as an SVG
  --profile DIR   leave a CPU profile of the service there
  --json          print JSON instead of tables`

/** The longest measurement. A run that shows whether latency, lag and memory stay flat takes an hour. */
const SECONDS_MAX = 7_200
const ROUNDS_MAX = 100
const PIECES_MAX = 100
const CLIENTS_MAX = 16
const EVENTS_MIN = 1_000
const EVENTS_MAX = 100_000_000
/**
 * The default numbers of customers: seeding makes 1,000, and the other benchmarks have 10,000. The number matters, because a
 * rebuild writes one item for each customer.
 */
const CUSTOMERS_DEFAULT = [1_000, 10_000]
const CUSTOMERS_MAX = 1_000_000
/** A replay writes a row for each event at DynamoDB's speed, so fewer events are enough; a start with known ids reads them. */
const EVENTS_DEFAULT = '1000000'
const REPLAYED_EVENTS_DEFAULT: Readonly<Record<string, string>> = { rebuild: '200000', accounts: '200000' }
/** Flushing decides the speed of commands, but does not matter for a stream that is only read. */
const SYNC_DEFAULT: Readonly<Record<string, string>> = {
  commands: 'both',
  ledger: 'always',
  instances: 'always',
}
/** These benchmarks start servers for each line, so a line is measured longer and once. */
const WHOLE: ReadonlySet<string> = new Set(['ledger', 'instances'])
const WHOLE_SECONDS = '10'
const WHOLE_ROUNDS = '1'
const SECONDS_DEFAULT = '3'
const ROUNDS_DEFAULT = '3'
const RATE_MAX = 1_000_000

const SYNC_INTERVALS: Readonly<Record<string, readonly string[]>> = {
  '2m': ['2m'],
  always: ['always'],
  both: ['2m', 'always'],
}

const between = (name: string, text: string, min: number, max: number): number => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new Error(`--${name} must be from ${min} to ${max}`)
  }
  return value
}

const wholeBetween = (name: string, text: string, min: number, max: number): number => {
  const value = between(name, text, min, max)
  if (!Number.isInteger(value)) throw new Error(`--${name} must be a whole number`)
  return value
}

const REPLICAS: Readonly<Record<string, 1 | 3>> = { '1': 1, '3': 3 }
const INSTANCES: Readonly<Record<string, 1 | 2 | 3>> = { '1': 1, '2': 2, '3': 3 }
const DYNAMODB: Readonly<Record<string, Options['dynamodb']>> = {
  embedded: 'embedded',
  'stand-in': 'stand-in',
}

const JOURNALS: Readonly<Record<string, Options['journal']>> = {
  'every-event': 'every-event',
  savepoints: 'savepoints',
}

/** The value of a name that has to be one of a few. `choices` lists them for the error. */
const oneOf = <A>(values: Readonly<Record<string, A>>, name: string, text: string, choices: string): A => {
  const value = Object.hasOwn(values, text) ? values[text] : undefined
  if (value === undefined) throw new Error(`--${name} must be ${choices}`)
  return value
}

const OPTIONS = {
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  sync: { type: 'string' },
  replicas: { type: 'string', default: '1' },
  events: { type: 'string' },
  customers: { type: 'string' },
  clients: { type: 'string', default: '1' },
  lean: { type: 'boolean', default: false },
  roles: { type: 'string', default: 'commands' },
  only: { type: 'string', multiple: true },
  instances: { type: 'string', default: '1' },
  dynamodb: { type: 'string', default: 'embedded' },
  journal: { type: 'string', default: 'every-event' },
  rate: { type: 'string' },
  pieces: { type: 'string', default: '1' },
  chart: { type: 'string' },
  profile: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** Parses the arguments. Throws an error with one sentence when they are wrong. */
export const parseOptions = (args: readonly string[], benchmarks: readonly string[]): Options => {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  const [benchmark, ...more] = positionals
  if (benchmark === undefined || more.length > 0 || !benchmarks.includes(benchmark)) {
    throw new Error(`name one benchmark of: ${benchmarks.join(', ')}`)
  }
  const is_whole = WHOLE.has(benchmark)
  const sync = values.sync ?? SYNC_DEFAULT[benchmark] ?? '2m'
  const seconds = values.seconds ?? (is_whole ? WHOLE_SECONDS : SECONDS_DEFAULT)
  const events = values.events ?? REPLAYED_EVENTS_DEFAULT[benchmark] ?? EVENTS_DEFAULT
  const rounds = values.rounds ?? (is_whole ? WHOLE_ROUNDS : ROUNDS_DEFAULT)
  return {
    benchmark,
    seconds: between('seconds', seconds, 0.1, SECONDS_MAX),
    rounds: wholeBetween('rounds', rounds, 1, ROUNDS_MAX),
    clients: wholeBetween('clients', values.clients, 1, CLIENTS_MAX),
    lean: values.lean || is_whole,
    sync_intervals: oneOf(SYNC_INTERVALS, 'sync', sync, '2m, always or both'),
    replicas: oneOf(REPLICAS, 'replicas', values.replicas, '1 or 3'),
    roles: values.roles,
    only: (values.only ?? []).filter(text => text !== ''),
    events: wholeBetween('events', events, EVENTS_MIN, EVENTS_MAX),
    customers:
      values.customers === undefined
        ? CUSTOMERS_DEFAULT
        : [wholeBetween('customers', values.customers, 1, CUSTOMERS_MAX)],
    json: values.json,
    instances: oneOf(INSTANCES, 'instances', values.instances, '1, 2 or 3'),
    dynamodb: oneOf(DYNAMODB, 'dynamodb', values.dynamodb, 'embedded or stand-in'),
    journal: oneOf(JOURNALS, 'journal', values.journal, 'every-event or savepoints'),
    pieces: wholeBetween('pieces', values.pieces, 1, PIECES_MAX),
    ...(values.rate === undefined ? {} : { rate: between('rate', values.rate, 1, RATE_MAX) }),
    ...(values.chart === undefined ? {} : { chart_file: values.chart }),
    ...(values.profile === undefined ? {} : { profile_dir: values.profile }),
  }
}
