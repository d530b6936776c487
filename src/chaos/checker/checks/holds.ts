/** Checks holds by the answers and the events alone, without the fold that judges both. */

import type { Event } from '../event.js'
import { createFindings, type Finding } from '../findings.js'
import type { World } from '../world.js'

type Use = { readonly seq: number; readonly op: number; readonly event: Event }

/** The events of acknowledged captures and releases, by customer and hold. */
const usesOf = ({ writes, ledger }: World): ReadonlyMap<string, readonly Use[]> => {
  const uses = new Map<string, Use[]>()
  const seen = new Set<number>()
  for (const { attempts } of writes.values())
    for (const { call, claim } of attempts) {
      if (claim.tag !== 'acknowledged' || (call.kind !== 'capture' && call.kind !== 'release')) continue
      const [first] = claim.positions
      const found = first && ledger.at(first.seq)
      if (found?.event?.hold === undefined || seen.has(found.entry.seq)) continue
      // a write that was sent again is one use
      seen.add(found.entry.seq)
      const name = `${found.client_id} ${found.event.hold}`
      const use = { seq: found.entry.seq, op: call.op, event: found.event }
      uses.set(name, [...(uses.get(name) ?? []), use])
    }
  return uses
}

/** A hold gives at most what it holds, whoever asks, and nothing after the capture that ends it. */
export const checkHolds = (world: World): Finding => {
  const findings = createFindings('holds', 'a hold gives what it holds once, and nothing after its end')
  const uses = usesOf(world)
  for (const { client_id, event, outcome, entry } of world.ledger.all) {
    if (event?.type !== 'hold' || outcome !== 'applied') continue
    findings.look()
    const own = (uses.get(`${client_id} ${event.transaction_id}`) ?? []).toSorted((a, b) => a.seq - b.seq)
    const proof = { ops: own.map(({ op }) => op), seqs: [entry.seq, ...own.map(({ seq }) => seq)] }
    const given = own.reduce((sum, use) => sum + (use.event.amount ?? 0n), 0n)
    if (given > (event.amount ?? 0n))
      findings.violate(
        `${event.transaction_id} of ${client_id} holds ${event.amount} and gave ${given}`,
        proof,
      )
    const end = own.findIndex(use => use.event.type === 'debit' && use.event.is_final)
    if (end >= 0 && end < own.length - 1)
      findings.violate(`${event.transaction_id} of ${client_id} gave after its end`, proof)
  }
  return findings.finding()
}
