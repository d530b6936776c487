/** Checks that each refusal by an account was true at some moment between the question and its answer. */

import type { Call } from '../calls.js'
import type { Declined, Event } from '../event.js'
import { createFindings, type Finding, type Findings } from '../findings.js'
import { type Folded, lastIndexWhere, type State, storedMs } from '../fold.js'
import { judgeTerms, timeOf } from '../terms.js'
import type { World } from '../world.js'
import type { Attempt, Claim, Write } from '../writes.js'
import { REVERSAL_EXCEEDED } from './reversals.js'

type Refused = Extract<Claim, { readonly tag: 'refused' }>

/** The change of a customer's balance by the commands that come before a refused one in the same batch. */
const movedBefore = (before: readonly Write[], client_id: string): bigint =>
  before.reduce((sum, { type, amount = 0n, client_ids }) => {
    const [first, second] = client_ids
    const gives = type !== 'credit' && first === client_id ? -amount : 0n
    const gets = (type === 'credit' && first === client_id) || (type === 'transfer' && second === client_id)
    return sum + gives + (gets ? amount : 0n)
  }, 0n)

const INT64_MAX = 2n ** 63n - 1n

/** Whether a refusal that no event records is one for this balance. What is available is as the answer says. */
const refuses = ({ code, available }: Refused, balance: bigint, amount: bigint): boolean => {
  if (code === 'INSUFFICIENT_FUNDS') return (available ?? balance) < amount
  return code !== 'BALANCE_LIMIT' || balance + amount > INT64_MAX
}

/** True when the customer was in this state, with this balance, at some moment of the call. */
const wasSo = (
  { ledger, times }: World,
  client_id: string,
  isSo: (state: State) => boolean,
  { at_us, end }: Call,
): boolean => {
  const states = ledger.statesOf(client_id)
  // skips states that ended before the call; stops at states that began after its end
  const first = Math.max(
    0,
    lastIndexWhere(states, state => times.before_us(state.seq) < at_us),
  )
  for (let index = first; index < states.length; index += 1) {
    const [state, next] = [states[index], states[index + 1]]
    if (state === undefined || times.after_us(state.seq) > end.at_us) return false
    const is_over = next !== undefined && times.before_us(next.seq) < at_us
    if (!is_over && isSo(state)) return true
  }
  return false
}

const checkOpen = (
  findings: Findings,
  world: World,
  write: Write,
  { call }: Attempt,
  claim: Refused,
): void => {
  const { client_id, balance, code } = claim
  const amount = write.amount ?? 0n
  if (balance === undefined) {
    findings.violate(`${write.key}: ${code} names no balance`, { ops: [call.op] })
    return
  }
  const own = balance - movedBefore(write.before, client_id)
  const isSo = (state: State): boolean =>
    state.balance === own && (code !== 'ACCOUNT_RESTRICTED' || state.terms?.restriction !== undefined)
  if (!refuses(claim, balance, amount))
    findings.violate(`${write.key}: ${code} with ${balance} against ${amount}`, { ops: [call.op] })
  else if (!wasSo(world, client_id, isSo, call))
    findings.violate(`${write.key}: ${code}, but ${client_id} never had ${own} while it was asked`, {
      ops: [call.op],
      seqs: world.ledger
        .statesOf(client_id)
        .filter(
          ({ seq }) =>
            world.times.before_us(seq) >= call.at_us && world.times.after_us(seq) <= call.end.at_us,
        )
        .map(({ seq }) => seq),
    })
}

/** The type of the event that a refused command would have stored on the account that refused it. */
const typeOf = (
  { command, client_id }: Declined,
  giver: string | undefined,
  reversal: Write['type'],
): Event['type'] => {
  if (command === 'reverse' && reversal !== 'transfer') return reversal === 'credit' ? 'credit' : 'debit'
  if (command === 'transfer' || command === 'capture' || command === 'reverse')
    return client_id === giver ? 'debit' : 'credit'
  if (command === 'restrict') return 'state'
  return (['credit', 'hold', 'release', 'limit'] as const).find(type => type === command) ?? 'debit'
}

/** A receiver's restriction may end between the decision and its storage, and its event states no time. */
const UNKNOWN_MS = 10_000

/** Whether the law refuses the command of the event, with that code, on the account as it was before the event. */
const isLawful = (
  had: State,
  { entry, client_id }: Folded,
  event: Event,
  declined: Declined,
  reversal: Write['type'],
): boolean => {
  const type = typeOf(declined, client_id, reversal)
  // only the giver of a capture has the hold
  const hold = type === 'credit' ? undefined : event.hold
  const command = { ...event, type, hold }
  const stored_ms = storedMs(entry)
  const moments = event.at_ms === undefined ? [stored_ms, stored_ms - UNKNOWN_MS] : [timeOf(event, stored_ms)]
  return moments.some(moment => judgeTerms(had, command, moment) === declined.code)
}

/** A frozen refusal has an event, and the refusal has to be true at that event's place in the stream. */
const checkFrozen = (
  findings: Findings,
  world: World,
  write: Write,
  { call }: Attempt,
  claim: Refused,
): void => {
  const [found] = world.eventsOf(write.key).filter(({ event }) => event?.type === 'declined')
  const { event } = found ?? {}
  const declined = event?.declined
  if (found === undefined || event === undefined || declined === undefined) {
    findings.violate(`${write.key} was refused, and no event says so`, { ops: [call.op] })
    return
  }
  const { seq } = found.entry
  const proof = { ops: [call.op], seqs: [seq] }
  if (declined.balance !== claim.balance || declined.code !== claim.code)
    findings.violate(
      `${write.key}: the answer says ${claim.code} at ${claim.balance}, event ${seq} ${declined.code} at ${declined.balance}`,
      proof,
    )
  if (declined.client_id !== found.client_id) {
    // the stream does not check the receiver at the place of the record, so the refusal was true at some moment before it
    const began_us = Math.min(...write.attempts.map(one => one.call.at_us))
    const isSo = (state: State): boolean =>
      state.balance === declined.balance && isLawful(state, found, event, declined, write.type)
    if (!wasSo(world, declined.client_id, isSo, { ...call, at_us: began_us }))
      findings.violate(
        `${write.key}: ${claim.code}, but ${declined.client_id} never was so while it was asked`,
        proof,
      )
    return
  }
  const had = world.ledger.stateAt(declined.client_id, seq - 1)
  if (had.balance !== declined.balance)
    findings.violate(
      `${write.key}: event ${seq} says that ${declined.client_id} had ${declined.balance}, but it had ${had.balance}`,
      proof,
    )
  // what is left of a transaction is told by its other reversals (reversals.ts)
  else if (claim.code !== REVERSAL_EXCEEDED && !isLawful(had, found, event, declined, write.type))
    findings.violate(`${write.key}: ${claim.code}, but ${declined.client_id} allows it at ${seq}`, proof)
}

/** Every refusal by an account was true at some moment of its call. */
export const checkRefusals = (world: World): Finding => {
  const findings = createFindings('refusals', 'a refusal was true at some moment between question and answer')
  for (const write of world.writes.values())
    for (const attempt of write.attempts) {
      const { claim } = attempt
      if (claim.tag !== 'refused') continue
      findings.look()
      if (claim.is_frozen) checkFrozen(findings, world, write, attempt, claim)
      else checkOpen(findings, world, write, attempt, claim)
    }
  return findings.finding()
}
