/** Checks that the stream holds the writes as their answers say, and nothing else. */

import { createFindings, type Finding, type Findings } from '../findings.js'
import type { Folded } from '../fold.js'
import type { World } from '../world.js'
import type { Attempt, Position, Write } from '../writes.js'

const opsOf = (attempts: readonly Attempt[]): readonly number[] => attempts.map(({ call }) => call.op)
const seqsOf = (events: readonly Folded[]): readonly number[] => events.map(({ entry }) => entry.seq)

/** The events that are meant to move money; the fold may still give one of them no effect. */
const moving = (events: readonly Folded[]): readonly Folded[] =>
  events.filter(({ event }) => event?.type !== 'declined')
const refusing = (events: readonly Folded[]): readonly Folded[] =>
  events.filter(({ event }) => event?.type === 'declined')

/**
 * The events by which a write counts. An event that came through `customer.event` and had no effect has no row: once it
 * is older than the duplicate window it may be stored again, and may then have an effect. It has an effect only once.
 */
const counting = ({ source }: Write, events: readonly Folded[]): readonly Folded[] => {
  const moves = moving(events)
  if (source !== 'event') return moves
  const applied = moves.filter(({ outcome }) => outcome === 'applied')
  return applied.length > 0 ? applied : moves.slice(0, 1)
}

const legsOf = ({ type, client_ids }: Write): number => (type === undefined ? 1 : client_ids.length)

/** Says in a clause how an event differs from what an answer says of it; undefined when they agree. */
const differs = (
  { client_id, seq, balance, version }: Position,
  found: Folded | undefined,
): string | undefined => {
  if (found === undefined) return `no event is at ${seq}`
  if (found.entry.seq !== seq) return `the answer says sequence ${seq}, the stream ${found.entry.seq}`
  if (found.client_id !== undefined && found.client_id !== client_id)
    return `event ${seq} is of ${found.client_id}, not of ${client_id}`
  if (balance !== undefined && balance !== found.after.balance)
    return `the answer says the balance ${balance}, the fold ${found.after.balance}`
  return version !== undefined && version !== found.after.version
    ? `the answer says version ${version}, the fold ${found.after.version}`
    : undefined
}

/** The type of the events of a write, by their place in it. */
const typeOf = (type: NonNullable<Write['type']>, leg: number): string => {
  if (type === 'transfer' || type === 'capture') return leg === 0 ? 'debit' : 'credit'
  return type === 'restrict' ? 'state' : type
}

/** Says in a clause what is wrong with the content of a write's event; undefined when nothing is wrong. */
const contentDiffers = (write: Write, { event, outcome, entry }: Folded, leg: number): string | undefined => {
  const { source, amount, id, type } = write
  if (type === undefined || event === undefined) return undefined
  const should_be = typeOf(type, leg)
  // a command may leave the amount to the hold
  if (event.type !== should_be || (amount !== undefined && event.amount !== amount))
    return `event ${entry.seq} is a ${event.type} of ${event.amount}, not a ${should_be} of ${amount}`
  if (source !== 'command') return undefined
  if (outcome !== 'applied') return `event ${entry.seq} of a command has no effect: ${outcome}`
  const expected = id === undefined || leg === 0 ? id : `${id}:credit`
  return expected !== undefined && event.transaction_id !== expected
    ? `event ${entry.seq} has the id ${event.transaction_id}, not ${expected}`
    : undefined
}

/** The stored event at the sequence that an answer of `customer.event` names; undefined for other sources. */
const ownOf = ({ source }: Write, stored: readonly Folded[], { seq }: Position): Folded | undefined =>
  source === 'event' ? stored.find(({ entry }) => entry.seq === seq) : undefined

const checkAcknowledged = (findings: Findings, world: World, write: Write): void => {
  const stored = moving(world.eventsOf(write.key))
  const events = counting(write, stored)
  const acknowledged = write.attempts.filter(({ claim }) => claim.tag === 'acknowledged')
  const proof = { ops: opsOf(acknowledged), seqs: seqsOf(events) }
  findings.look()
  if (events.length !== legsOf(write)) {
    findings.violate(`${write.key} was acknowledged and is ${events.length} events`, proof)
    return
  }
  for (const { call, claim } of acknowledged) {
    const positions = claim.tag === 'acknowledged' ? claim.positions : []
    const wrong =
      positions.length === events.length
        ? positions
            .map((position, leg) => differs(position, ownOf(write, stored, position) ?? events[leg]))
            .find(text => text !== undefined)
        : `the answer names ${positions.length} events`
    if (wrong !== undefined)
      findings.violate(`${write.key}: ${wrong}`, { ops: [call.op], seqs: seqsOf(events) })
  }
  const wrong = events.map((event, leg) => contentDiffers(write, event, leg)).find(text => text !== undefined)
  if (wrong !== undefined) findings.violate(`${write.key}: ${wrong}`, proof)
}

/** Every acknowledged write is in the stream once, as its answer says. */
export const checkAcknowledgedWrites = (world: World): Finding => {
  const findings = createFindings(
    'acknowledged',
    'what was acknowledged is in the stream once, as it was answered',
  )
  for (const write of world.writes.values())
    if (write.attempts.some(({ claim }) => claim.tag === 'acknowledged'))
      checkAcknowledged(findings, world, write)
  return findings.finding()
}

/** True when an event may come from this attempt: it was sent before the event was seen, and its answer does not deny it. */
const mayHaveStored = (world: World, { call, claim }: Attempt, { event, entry }: Folded): boolean => {
  if (call.at_us > world.times.before_us(entry.seq)) return false
  if (claim.tag === 'unknown') return true
  return event?.type === 'declined' ? claim.tag === 'refused' : claim.tag === 'acknowledged'
}

/** A write whose answers are "nothing was stored" or a refusal is not in the stream. */
export const checkNothingStored = (world: World): Finding => {
  const findings = createFindings(
    'nothing stored',
    'what was answered with a refusal or with "nothing was stored" is not stored',
  )
  for (const { key, attempts } of world.writes.values()) {
    const denied = attempts.filter(({ claim }) => claim.tag === 'nothing' || claim.tag === 'refused')
    if (denied.length === 0) continue
    findings.look()
    for (const event of world.eventsOf(key)) {
      if (attempts.some(attempt => mayHaveStored(world, attempt, event))) continue
      const codes = denied.map(({ claim }) => ('code' in claim ? claim.code : claim.tag)).join(', ')
      findings.violate(`${key} was answered with ${codes}, and event ${event.entry.seq} is of it`, {
        ops: opsOf(attempts),
        seqs: [event.entry.seq],
      })
    }
  }
  return findings.finding()
}

/** A write is stored whole and once, or refused once, or not at all, however often it was sent. */
export const checkOneOutcome = (world: World): Finding => {
  const findings = createFindings(
    'one outcome',
    'a write is stored whole and once, or refused once, or not at all, however often it is sent',
  )
  for (const write of world.writes.values()) {
    const events = world.eventsOf(write.key)
    const [moves, refusals] = [counting(write, events), refusing(events)]
    findings.look()
    const proof = { ops: opsOf(write.attempts), seqs: seqsOf(events) }
    if (moves.length !== 0 && moves.length !== legsOf(write))
      findings.violate(`${write.key} is ${moves.length} events instead of ${legsOf(write)}`, proof)
    if (refusals.length > 1) findings.violate(`${write.key} is refused ${refusals.length} times`, proof)
    if (moves.length > 0 && refusals.length > 0)
      findings.violate(`${write.key} is stored, and refused as well`, proof)
  }
  return findings.finding()
}

const REUSED = ['TRANSACTION_ID_REUSED', 'INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'BAD_REQUEST']

/** No client of a run uses an id twice for different things, or asks for something invalid. */
export const checkOwnIds = (world: World): Finding => {
  const findings = createFindings(
    'own ids',
    'a well-formed write is not taken for another one, nor for a faulty one',
  )
  for (const { key, source, attempts } of world.writes.values()) {
    if (source === 'raw') continue
    for (const { call, claim } of attempts) {
      findings.look()
      if (claim.tag === 'nothing' && REUSED.includes(claim.code))
        findings.violate(`${key} was answered with ${claim.code}`, { ops: [call.op] })
    }
  }
  return findings.finding()
}
