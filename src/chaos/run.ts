/**
 * Runs one chaos run from beginning to end: starts the system and its clients, causes faults by the schedule, heals them,
 * waits until the system is quiet, lets the checker judge what the clients saw, and stops everything.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { checkRun, startObserver } from './checker/index.js'
import { type Clients, declareAsset, startClients } from './clients/index.js'
import { createRandom } from './clients/random.js'
import { NODE_NAMES } from './cluster.js'
import { FAULTS, type Fault } from './faults/index.js'
import { heal } from './heal.js'
import { nowUs } from './history.js'
import { OWN_DIST } from './instance.js'
import { createMeter, type Meter, type Moment } from './meter.js'
import { type ChaosReport, describeReport, isGood, type TurnReport } from './report.js'
import { planSchedule, type Slot } from './schedule.js'
import { CLIENT_PLACES, DDB_TABLE, type System, type SystemOptions, startSystem } from './system.js'

export type ChaosOptions = {
  readonly seed: number
  readonly duration_ms: number
  /** Names of `FAULTS`. */
  readonly faults: readonly string[]
  readonly clients: number
  readonly customers: number
  /** Calls per second of all clients together. */
  readonly rate_per_s: number
  /** The number of instances of Jetledger. */
  readonly instances: number
  /** The number of replicas of the ledger's streams. */
  readonly replicas: number
  /** Which events have rows in the table: `every-event`, or `savepoints`. */
  readonly journal: string
  /** The folder of all files of the run; the stores in it are removed when the verdict is good. */
  readonly folder: string
  /** The compiled program under test; this package's own unless stated. */
  readonly dist?: string
  /** Another build of the program, to run beside `dist`. */
  readonly other_dist?: string
  /** The nats-server program to start with; the fault `restart-servers` upgrades it. */
  readonly first_nats_server?: string
}

/** An event of the run, for a live report. */
export type ChaosEvent =
  | { readonly tag: 'phase'; readonly text: string }
  | { readonly tag: 'planned'; readonly slots: readonly Slot[] }
  | { readonly tag: 'fault'; readonly slot: Slot; readonly what: string }
  | { readonly tag: 'well'; readonly turn: TurnReport }
  | { readonly tag: 'moment'; readonly at_ms: number; readonly fault: string; readonly moment: Moment }

export type OnEvent = (event: ChaosEvent) => void

/** The time to become well is long, because a table may be folded again from its beginning. */
const WELL_MS_MAX = 240_000
const CHECK_MS_MAX = 120_000
const MOMENT_MS = 1_000
const DISK_FAULT = 'disk-full'

/** Says why the system could not be started. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart'
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Waits for `ms`, or until `signal` aborts. */
const rest = (ms: number, signal: AbortSignal): Promise<void> =>
  pause(Math.max(0, ms), undefined, { signal }).catch(() => undefined)

type Stage = {
  readonly system: System
  readonly clients: Clients
  readonly meter: Meter
  readonly signal: AbortSignal
  readonly onEvent: OnEvent
}

/** Causes one fault and waits until the system is well again. A failure is reported, and the healing happens all the same. */
const takeTurn = async (stage: Stage, fault: Fault, slot: Slot): Promise<TurnReport> => {
  const { system, clients, meter, signal, onEvent } = stage
  const problems: string[] = []
  const attempt = async <A>(work: () => Promise<A>): Promise<A | undefined> => {
    try {
      return await work()
    } catch (error) {
      problems.push(reasonOf(error))
      return undefined
    }
  }
  onEvent({ tag: 'fault', slot, what: fault.what })
  clients.note(`${fault.name} begins`)
  const random = createRandom(slot.seed)
  const end = await attempt(() => fault.begin({ system, random, for_ms: slot.for_ms }))
  await rest(slot.for_ms, signal)
  if (end !== undefined) await attempt(end)
  await attempt(() => heal(system))
  clients.note(`${fault.name} is healed`)
  const harmed = meter.turn()
  const healed_ms = performance.now()
  const unwell = await system.untilWell(WELL_MS_MAX, signal)
  if (unwell.length > 0 && !signal.aborted)
    problems.push(`${WELL_MS_MAX} ms after the healing it was not well: ${unwell.join('; ')}`)
  const well_after_ms = Math.round(performance.now() - healed_ms)
  const healing = meter.turn()
  return {
    fault: fault.name,
    begin_ms: slot.begin_ms,
    for_ms: slot.for_ms,
    well_after_ms,
    credit_ms: Math.max(harmed.credit_ms, healing.credit_ms),
    harmed_credit_ms: harmed.credit_ms,
    read_ms: Math.max(harmed.read_ms, healing.read_ms),
    problems,
  }
}

/** Takes the turns of all slots, one after the other, until `signal` aborts. */
const takeTurns = async (stage: Stage, slots: readonly Slot[]): Promise<TurnReport[]> => {
  const { meter, signal, onEvent } = stage
  const began_ms = performance.now()
  const turns: TurnReport[] = []
  for (const slot of slots) {
    await rest(slot.begin_ms - (performance.now() - began_ms), signal)
    const fault = FAULTS.find(({ name }) => name === slot.fault)
    if (signal.aborted || fault === undefined) break
    // drops the gaps of the start and of the rest: they belong to no fault
    meter.turn()
    const turn = await takeTurn(stage, fault, slot)
    turns.push(turn)
    onEvent({ tag: 'well', turn })
  }
  return turns
}

const reportMoments = (meter: Meter, onEvent: OnEvent, faultNow: () => string): (() => void) => {
  const began_ms = performance.now()
  const timer = setInterval(() => {
    const at_ms = performance.now() - began_ms
    onEvent({ tag: 'moment', at_ms, fault: faultNow(), moment: meter.moment() })
  }, MOMENT_MS)
  return () => clearInterval(timer)
}

const possibleFaults = (system: System, names: readonly string[]) => {
  const wanted = FAULTS.filter(({ name }) => names.includes(name))
  const not_run = wanted.flatMap(({ name, obstacle }) => {
    const why = obstacle?.(system)
    return why === undefined ? [] : [{ fault: name, why }]
  })
  const possible = wanted.filter(({ name }) => !not_run.some(({ fault }) => fault === name))
  return { possible, not_run }
}

/** The addresses at which the checker and the observer find everything, around all hops. */
const placeOf = (system: System, folder: string) => ({
  directory: folder,
  nodes: NODE_NAMES.map(name => ({ name, url: system.cluster.directUrl(name) })),
  dynamodb_endpoint: system.dynamodb.direct_endpoint,
  ddb_table: DDB_TABLE,
})

const strain = async (options: ChaosOptions, system: System, signal: AbortSignal, onEvent: OnEvent) => {
  const { seed, duration_ms, folder } = options
  const { possible, not_run } = possibleFaults(system, options.faults)
  const slots = planSchedule(seed, duration_ms, possible)
  writeFileSync(join(folder, 'schedule.json'), `${JSON.stringify({ seed, duration_ms, slots }, null, 2)}\n`)
  onEvent({ tag: 'planned', slots })
  await declareAsset(system.nc)
  let fault_now = ''
  const meter = createMeter(nowUs)
  const clients = await startClients({
    groups: CLIENT_PLACES.map(name => ({ name, urls: system.cluster.urls(name) })),
    seed,
    clients: options.clients,
    customers: options.customers,
    rate_per_s: options.rate_per_s,
    directory: folder,
    onLine: meter.hear,
  })
  const observer = await startObserver(placeOf(system, folder))
  const hear: OnEvent = event => {
    if (event.tag === 'fault') fault_now = event.slot.fault
    if (event.tag === 'well') fault_now = ''
    onEvent(event)
  }
  const stopMoments = reportMoments(meter, hear, () => fault_now)
  try {
    const turns = await takeTurns({ system, clients, meter, signal, onEvent: hear }, slots)
    const end_ms = slots.length === 0 ? duration_ms : 0
    await rest(end_ms, signal)
    return { turns, not_run, slots }
  } finally {
    stopMoments()
    hear({ tag: 'phase', text: 'healed; asking for what is still unknown' })
    await heal(system)
    await clients.stop()
    await observer.stop()
  }
}

const keepReport = (folder: string, report: ChaosReport): void => {
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(folder, 'report.txt'), `${describeReport(report)}\n`)
}

const startOrSayWhy = async (options: SystemOptions): Promise<System> => {
  try {
    return await startSystem(options)
  } catch (cause) {
    throw new CannotStart(reasonOf(cause), { cause })
  }
}

/**
 * Runs one chaos run and returns its report. When `signal` aborts, the run up to then is healed, checked and reported. Rejects
 * with `CannotStart` when the system cannot be started. In every case nothing is left running.
 */
export const runChaos = async (
  options: ChaosOptions,
  signal: AbortSignal,
  onEvent: OnEvent,
): Promise<ChaosReport> => {
  const { seed, duration_ms, folder, instances, replicas, journal, other_dist, first_nats_server } = options
  mkdirSync(folder, { recursive: true })
  onEvent({
    tag: 'phase',
    text: `starting three nats-servers, DynamoDB and ${instances === 1 ? 'one instance' : `${instances} instances`}`,
  })
  const system = await startOrSayWhy({
    folder,
    instances,
    replicas,
    journal,
    dist: options.dist ?? OWN_DIST,
    ...(other_dist === undefined ? {} : { other_dist }),
    ...(first_nats_server === undefined ? {} : { first_nats_server }),
    has_small_disks: options.faults.includes(DISK_FAULT),
  })
  let report: ChaosReport
  try {
    const { turns, not_run, slots } = await strain(options, system, signal, onEvent)
    onEvent({ tag: 'phase', text: 'quiet; checking' })
    const check = await checkRun({ ...placeOf(system, folder), timeout_ms: CHECK_MS_MAX })
    const was_interrupted = signal.aborted
    report = { seed, duration_ms, folder, planned: slots.length, turns, not_run, was_interrupted, check }
    keepReport(folder, report)
  } finally {
    await system.stop()
  }
  if (isGood(report)) rmSync(join(folder, 'stores'), { recursive: true, force: true })
  return report
}
