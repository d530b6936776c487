/**
 * The benchmark of the whole ledger as people use it: the built program with all roles, over NATS and over HTTP, with an id
 * on every write and every event on disk, beside a ledger that is written by hand on PostgreSQL.
 *
 * Each line has servers and processes of its own, with empty disks, so no line pays for what another one left to do.
 */

import { writeFileSync } from 'node:fs'
import { createStack } from '../src/stack.js'
import type { Benchmark, Surroundings } from './benchmark.js'
import { goalTable } from './goals.js'
import { bookMistakes } from './ledger/books.js'
import { chartOf } from './ledger/chart.js'
import { combine, type Figures, inShort, lagTable, ratesTable } from './ledger/figures.js'
import { GOALS } from './ledger/goals.js'
import { type LedgerLine, LINES } from './ledger/lines.js'
import { openPlace, type Place } from './ledger/places.js'
import type { Pace, Result } from './measure/job.js'
import { addErrors } from './measure/run.js'
import type { Options } from './options.js'
import { type LoadClient, startLoadClient } from './processes/load-client.js'
import { findPostgres, type PostgresPrograms } from './processes/postgres.js'
import { createSeeds, runJobs, windowOf } from './processes/run-jobs.js'
import { CUSTOMERS } from './work/customers.js'

type Clients = { readonly measured: readonly LoadClient[]; readonly beside: readonly LoadClient[] }

/** Only the ledger itself follows a given rate, and one client that waits for each answer has no rate. */
const paceOf = ({ place, in_flight, commands }: LedgerLine, { rate }: Options): Pace =>
  rate === undefined || place !== 'ledger' || in_flight === 1
    ? { kind: 'full', in_flight }
    : { kind: 'paced', requests_per_s: rate / commands }

/** Two numbers of customers are for other benchmarks; here the last one counts. */
const customersOf = ({ customers }: Options): number => customers.at(-1) ?? CUSTOMERS

const startClients = async (
  line: LedgerLine,
  { targets }: Place,
  options: Options,
  { cleanup, signal }: Surroundings,
): Promise<Clients> => {
  const { clients, lean } = options
  const start = async (): Promise<LoadClient> => {
    const client = await startLoadClient({ ...targets, lean, customers: customersOf(options) })
    cleanup.push(client.stop)
    // stopping a client ends the run that is under way
    const abort = (): void => void client.stop()
    signal.addEventListener('abort', abort, { once: true })
    cleanup.push(() => signal.removeEventListener('abort', abort))
    return client
  }
  const measured: LoadClient[] = []
  for (let i = 0; i < clients; i += 1) measured.push(await start())
  return { measured, beside: line.beside === undefined ? [] : [await start()] }
}

type Piece = { readonly figures: Figures; readonly writes: Required<Result> }

/** Measures a line once, with clients that it has already. */
const measurePiece = async (
  line: LedgerLine,
  name: string,
  place: Place,
  { measured, beside }: Clients,
  options: Options,
  nextSeed: () => number,
): Promise<Piece> => {
  const window = windowOf(options.seconds)
  const pids = { ...place.pids, clients: [...measured, ...beside].map(({ pid }) => pid) }
  const [found, other] = await Promise.all([
    runJobs(measured, pids, { work: line.work, pace: paceOf(line, options), ...window }, nextSeed),
    line.beside === undefined
      ? undefined
      : runJobs(
          beside,
          {},
          { work: line.beside.work, pace: { kind: 'full', ...line.beside }, ...window },
          nextSeed,
        ),
  ])
  place.mustLive()
  if (found === 'unanswered' || other === 'unanswered') throw new Error(`${name}: nobody answers`)
  const lag = await place.readLag()
  const program_bytes = place.programBytes()
  const figures: Figures = {
    name,
    in_flight: line.in_flight,
    run: found.run,
    cpu_s: Object.fromEntries(
      Object.entries(found.run.cpu).map(([group, cores]) => [group, cores * options.seconds]),
    ),
    ...(lag === undefined ? {} : { lag }),
    ...(program_bytes === undefined ? {} : { program_bytes }),
    ...(other === undefined ? {} : { beside_per_s: other.run.accepted_per_s }),
  }
  return {
    figures,
    writes: line.events === 0 ? (other?.in_all ?? { accepted: 0, errors: {} }) : found.in_all,
  }
}

const mustBeRight = async (line: LedgerLine, place: Place, pieces: readonly Piece[]): Promise<void> => {
  const stored = await place.stored()
  if (stored === undefined) return
  const writes = {
    accepted: pieces.reduce((sum, piece) => sum + piece.writes.accepted, 0),
    errors: addErrors(pieces.map(piece => piece.writes.errors)),
  }
  const events = line.events === 0 ? 1 : line.events
  const mistakes = bookMistakes(writes, stored, events, events * line.commands)
  if (mistakes.length > 0) throw new Error(`${line.name}: the books are wrong: ${mistakes.join('; ')}`)
}

const measureOnPlace = async (
  line: LedgerLine,
  place: Place,
  options: Options,
  surroundings: Surroundings,
): Promise<readonly Figures[]> => {
  const clients = await startClients(line, place, options, surroundings)
  const nextSeed = createSeeds()
  const pieces: Piece[] = []
  while (pieces.length < options.pieces) {
    const name = options.pieces === 1 ? line.name : `${line.name}, piece ${pieces.length + 1}`
    const piece = await measurePiece(line, name, place, clients, options, nextSeed)
    surroundings.signal.throwIfAborted()
    surroundings.say(`${name}: ${inShort(piece.figures)}`)
    pieces.push(piece)
  }
  await mustBeRight(line, place, pieces)
  return pieces.map(({ figures }) => figures)
}

const measureLine = async (
  line: LedgerLine,
  postgres: PostgresPrograms,
  options: Options,
  sync_interval: string,
  { signal, say }: Surroundings,
): Promise<readonly Figures[]> => {
  signal.throwIfAborted()
  const own: Surroundings = { signal, say, cleanup: createStack() }
  try {
    const customers = customersOf(options)
    const place = await openPlace(line.place, {
      options,
      customers,
      sync_interval,
      surroundings: own,
      postgres,
    })
    return await measureOnPlace(line, place, options, own)
  } finally {
    await own.cleanup.stop()
  }
}

/** Each piece of a line with the medians of its rounds. */
const combineRounds = (rounds: readonly (readonly Figures[])[]): Figures[] =>
  (rounds[0] ?? []).map((first, i) => combine([first, ...rounds.slice(1).flatMap(round => round[i] ?? [])]))

const settingsOf = (options: Options) => ({
  seconds: options.seconds,
  rounds: options.rounds,
  instances: options.instances,
  dynamodb: options.dynamodb,
  journal: options.journal,
  pace: options.rate === undefined ? 'the next request follows an answer' : `${options.rate} commands/s`,
  'client processes': options.clients,
  node: process.version,
})

const isWanted =
  ({ only }: Options, postgres: PostgresPrograms) =>
  ({ name, place }: LedgerLine): boolean =>
    (only.length === 0 || only.some(text => name.includes(text))) &&
    !(typeof postgres === 'string' && place.startsWith('postgres'))

export const ledger: Benchmark = async (options, sync_interval, surroundings) => {
  const postgres = await findPostgres()
  const skipped = typeof postgres === 'string' ? [`PostgreSQL is not measured: ${postgres}`] : []
  for (const sentence of skipped) surroundings.say(sentence)
  const figures: Figures[] = []
  for (const line of LINES.filter(isWanted(options, postgres))) {
    const rounds: (readonly Figures[])[] = []
    while (rounds.length < options.rounds)
      rounds.push(await measureLine(line, postgres, options, sync_interval, surroundings))
    figures.push(...combineRounds(rounds))
  }
  const chart = chartOf(new Map(figures.map(({ name, run }) => [name, run.accepted_per_s])))
  if (options.chart_file !== undefined && chart !== undefined) writeFileSync(options.chart_file, chart)
  const goals = goalTable(GOALS, new Map(figures.map(({ name, run }) => [name, run])))
  return {
    title: `the whole ledger, sync_interval ${sync_interval}`,
    settings: settingsOf(options),
    lines: [],
    figures,
    tables: [ratesTable(figures), lagTable(figures), goals].filter(table => table !== undefined),
    notes: [
      ...skipped,
      'the books of every line are right: each acknowledged command is stored once, and the amounts add up to the balances',
      ...figures.flatMap(({ name, beside_per_s }) =>
        beside_per_s === undefined
          ? []
          : [`${name}: ${Math.round(beside_per_s)} credits/s were written meanwhile`],
      ),
    ],
  }
}
