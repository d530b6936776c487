/** Checks reversals by the events alone: what is taken back of a transaction, and what is refused because less is left of it. */

import { createFindings, type Finding, type Findings } from '../findings.js'
import type { Folded } from '../fold.js'
import { field, textOf } from '../json.js'
import type { World } from '../world.js'
import type { Write } from '../writes.js'

export const REVERSAL_EXCEEDED = 'REVERSAL_EXCEEDED'

const SECOND_LEG = /:credit$/

/** The id of a transaction, which both events of a transfer have. */
const transactionOf = ({ event }: Folded): string | undefined =>
  event?.transaction_id?.replace(SECOND_LEG, '')

const reversedIn = ({ event }: Folded): string | undefined =>
  textOf(event && field(event.details, 'reverses'))

const amountOf = ({ event }: Folded): bigint => event?.amount ?? 0n

/** Whether an event moved money. */
const hasMoved = ({ event, outcome }: Folded): boolean =>
  outcome === 'applied' && (event?.type === 'credit' || event?.type === 'debit')

/** A transaction on one account: its event, and how much of it was taken back so far. */
type Original = { readonly folded: Folded; taken_back: bigint }

/** What was moved so far, by transaction and account. */
class Originals {
  readonly #moved = new Map<string, Original>()

  /** What an event takes back, or was to take back. */
  of(folded: Folded): Original | undefined {
    return this.#moved.get(`${reversedIn(folded)} ${folded.client_id}`)
  }

  add(folded: Folded): void {
    const name = `${transactionOf(folded)} ${folded.client_id}`
    // of several events with one id the first one that counts is meant
    if (!this.#moved.has(name)) this.#moved.set(name, { folded, taken_back: 0n })
  }
}

const checkRefused = (findings: Findings, original: Original | undefined, folded: Folded): void => {
  findings.look()
  const { seq } = folded.entry
  const left = original === undefined ? 0n : amountOf(original.folded) - original.taken_back
  if (amountOf(folded) <= left)
    findings.violate(`event ${seq} refuses ${amountOf(folded)}, and ${left} is left`, { seqs: [seq] })
}

const checkTaken = (findings: Findings, original: Original | undefined, folded: Folded): void => {
  findings.look()
  const { seq } = folded.entry
  const reversed = reversedIn(folded)
  if (original === undefined || original.folded.event?.type === folded.event?.type) {
    findings.violate(`event ${seq} takes back ${reversed}, which moved nothing the other way`, {
      seqs: [seq],
    })
    return
  }
  original.taken_back += amountOf(folded)
  if (original.taken_back > amountOf(original.folded))
    findings.violate(
      `${reversed} was ${amountOf(original.folded)}, and ${original.taken_back} is taken back`,
      { seqs: [original.folded.entry.seq, seq] },
    )
}

/** A transaction that was seen is found when somebody wants to take it back. */
const checkFound = (findings: Findings, { eventsOf, times }: World, write: Write, original: Write): void => {
  const seen = eventsOf(original.key).find(hasMoved)
  for (const { call, claim } of write.attempts) {
    if (seen === undefined || !('code' in claim) || claim.code !== 'NOT_FOUND') continue
    findings.look()
    if (times.before_us(seen.entry.seq) < call.at_us)
      findings.violate(`${write.key}: ${write.reverses} is said not to be found, after it was seen`, {
        ops: [call.op],
        seqs: [seen.entry.seq],
      })
  }
}

/** The reversals of a transaction never exceed it, each is its opposite, and one is refused only when less is left. */
export const checkReversals = (world: World): Finding => {
  const findings = createFindings(
    'reversals',
    'what is taken back of a transaction never exceeds it, and a transaction is found once it was seen',
  )
  const originals = new Originals()
  for (const folded of world.ledger.all) {
    const { event } = folded
    if (event?.declined?.code === REVERSAL_EXCEEDED) checkRefused(findings, originals.of(folded), folded)
    if (!hasMoved(folded)) continue
    if (reversedIn(folded) === undefined) originals.add(folded)
    else checkTaken(findings, originals.of(folded), folded)
  }
  const by_id = new Map([...world.writes.values()].map(write => [write.id, write]))
  for (const write of world.writes.values()) {
    const original = write.reverses === undefined ? undefined : by_id.get(write.reverses)
    if (original !== undefined) checkFound(findings, world, write, original)
  }
  return findings.finding()
}
