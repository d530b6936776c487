/** Checks that every balance in an answer is true, new enough, and the balance that the question asked for. */

import { createFindings, type Finding } from '../findings.js'
import { lastIndexWhere, OPENING, type State } from '../fold.js'
import { countOf, field, textOf } from '../json.js'
import type { BalanceRead, Shown } from '../reads.js'
import type { World } from '../world.js'

/** The README states how old a plain answer without an age may be. */
const PLAIN_AGE_MS_MAX = 2_000

/** The newest state of a customer that was certainly stored before `at_us`. */
const storedBefore = ({ ledger, times }: World, client_id: string, at_us: number): State => {
  const states = ledger.statesOf(client_id)
  const index = lastIndexWhere(states, ({ seq }) => seq === 0 || times.before_us(seq) < at_us)
  return states[index] ?? OPENING
}

const showText = ({ balance, version, seq }: State | Shown): string =>
  `${balance} in version ${version} at ${seq}`

/** Every balance in an answer is exactly one of the customer's states, and its event was sent before the answer came. */
export const checkStates = (world: World): Finding => {
  const findings = createFindings(
    'states',
    'a balance that is read is one that the customer had after some event',
  )
  for (const { call, client_id, shown } of world.balances) {
    if (shown === undefined) continue
    findings.look()
    const states = world.ledger.statesOf(client_id)
    const state = states[lastIndexWhere(states, ({ seq }) => seq <= shown.seq)] ?? OPENING
    const proof = { ops: [call.op], seqs: [shown.seq] }
    if (state.seq !== shown.seq || state.balance !== shown.balance || state.version !== shown.version)
      findings.violate(`${client_id} was read as ${showText(shown)}; the fold has ${showText(state)}`, proof)
    else if (world.times.after_us(shown.seq) > call.end.at_us)
      findings.violate(`${client_id} was read as ${showText(shown)} before that event was sent`, proof)
  }
  return findings.finding()
}

/** Says how an answer is older than `age_ms`; undefined when it is not. */
const tooOld = (
  world: World,
  { call, client_id, shown }: BalanceRead,
  age_ms: number,
): string | undefined => {
  if (shown === undefined) return undefined
  const known = storedBefore(world, client_id, call.at_us - age_ms * 1_000)
  if (shown.version >= known.version) return undefined
  const late_ms = (call.at_us - world.times.before_us(known.seq)) / 1_000
  return `${client_id} was read as ${showText(shown)}, ${late_ms.toFixed(0)} ms after ${showText(known)} was seen`
}

const checkAge = (
  world: World,
  kind: string,
  [name, promise]: readonly [string, string],
  ageOf: (shown: Shown) => number,
): Finding => {
  const findings = createFindings(name, promise)
  for (const read of world.balances) {
    if (read.call.kind !== kind || read.shown === undefined) continue
    findings.look()
    const text = tooOld(world, read, ageOf(read.shown))
    if (text !== undefined) findings.violate(text, { ops: [read.call.op], seqs: [read.shown.seq] })
  }
  return findings.finding()
}

/** A plain answer is at most two seconds old, or as old as it says. So no reader goes back in time by more than that. */
export const checkPlain = (world: World): Finding =>
  checkAge(
    world,
    'balance',
    ['plain reads', 'a plain read is at most 2 s old, or as old as its answer says'],
    ({ age_ms }) => Math.max(PLAIN_AGE_MS_MAX, age_ms),
  )

/**
 * A `strong` answer holds every event that any client had seen before the question. Together with `checkStates` this means
 * that strong reads and writes of a customer are linearizable.
 */
export const checkStrong = (world: World): Finding =>
  checkAge(
    world,
    'strong',
    ['strong reads', 'a strong read holds all that was acknowledged or read before it was asked for'],
    () => 0,
  )

const NOT_REACHED = 'NOT_REACHED'

/** An answer to `min_version` has that version or a later one, and says "not reached" only when no client had seen it. */
export const checkMinVersion = (world: World): Finding => {
  const findings = createFindings('min_version', 'a reader that names a version never reads an older one')
  for (const { call, client_id, question, shown, error } of world.balances) {
    const asked = countOf(field(question, 'min_version'))
    if (call.kind !== 'min_version' || asked === undefined) continue
    if (shown !== undefined || error === NOT_REACHED) findings.look()
    if (shown !== undefined && shown.version < asked)
      findings.violate(`${client_id} was read in version ${shown.version}, not ${asked}`, {
        ops: [call.op],
        seqs: [shown.seq],
      })
    const known = storedBefore(world, client_id, call.at_us)
    if (error === NOT_REACHED && known.version >= asked)
      findings.violate(`version ${asked} of ${client_id} is said to be not reached, after it was seen`, {
        ops: [call.op],
        seqs: [known.seq],
      })
  }
  return findings.finding()
}

const NS_PER_MS = 1_000_000n

/**
 * Says how a read of the past is wrong; undefined when it is not. A past sequence has one right answer. A past time may have
 * several, because the exact moment at which an event was stored is not known.
 */
const pastDiffers = (
  world: World,
  { call, client_id, question, shown, error }: BalanceRead,
): string | undefined => {
  const seq = countOf(field(question, 'as_of_seq'))
  if (seq !== undefined) {
    if (error === NOT_REACHED && world.times.before_us(seq) < call.at_us)
      return `sequence ${seq} is said to be not reached, after it was seen`
    const state = world.ledger.stateAt(client_id, seq)
    return shown !== undefined && shown.seq !== state.seq
      ? `${client_id} at sequence ${seq} was read as ${showText(shown)}; it was ${showText(state)}`
      : undefined
  }
  const time_ns = BigInt(Date.parse(textOf(field(question, 'as_of')) ?? '')) * NS_PER_MS
  if (error === NOT_REACHED) {
    const later = world.ledger.all.findLast(
      ({ entry }) => world.times.before_us(entry.seq) < call.at_us && entry.time_ns > time_ns,
    )
    return (
      later && `a time is said to be not reached, after event ${later.entry.seq}, which is newer, was seen`
    )
  }
  if (shown === undefined) return undefined
  const isOlder = (state: State): boolean => {
    const time = world.ledger.at(state.seq)?.entry.time_ns
    return time === undefined || time <= time_ns
  }
  const older = world.ledger.statesOf(client_id).filter(isOlder)
  const known = older.filter(state => state.seq === 0 || world.times.before_us(state.seq) < call.at_us).at(-1)
  if (!older.some(state => state.seq === shown.seq))
    return `${client_id} at a past time was read as ${showText(shown)}, which came later`
  return known !== undefined && shown.seq < known.seq
    ? `${client_id} at a past time was read as ${showText(shown)}; it was ${showText(known)}`
    : undefined
}

/** A read of the past shows the fold of the events up to that point. */
export const checkPast = (world: World): Finding => {
  const findings = createFindings('the past', 'a balance as of a sequence or a time is the fold cut there')
  for (const read of world.balances) {
    if (read.call.kind !== 'as_of' || (read.shown === undefined && read.error !== NOT_REACHED)) continue
    findings.look()
    const text = pastDiffers(world, read)
    if (text !== undefined) findings.violate(text, { ops: [read.call.op], seqs: [read.shown?.seq ?? 0] })
  }
  return findings.finding()
}
