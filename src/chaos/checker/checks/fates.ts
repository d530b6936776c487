/** Checks that `customer.transaction` told the truth about the clients' own transactions. */

import { createFindings, type Finding, type Findings } from '../findings.js'
import type { Folded } from '../fold.js'
import { field } from '../json.js'
import type { FateRead } from '../reads.js'
import type { World } from '../world.js'
import { positionsOf } from '../writes.js'

const checkCommitted = (findings: Findings, events: readonly Folded[], fate: FateRead): void => {
  const positions = positionsOf(field(fate.body, 'reply'))
  const moved = events.filter(({ event, outcome }) => event?.type !== 'declined' && outcome === 'applied')
  const is_right =
    positions.length === moved.length &&
    moved.length > 0 &&
    positions.every(({ seq, balance, version }, leg) => {
      const { entry, after } = moved[leg] ?? {}
      return entry?.seq === seq && after?.balance === balance && after?.version === version
    })
  if (!is_right)
    findings.violate(`${fate.transaction_id} is said to be committed otherwise than it is`, {
      ops: [fate.call.op],
      seqs: events.map(({ entry }) => entry.seq),
    })
}

/** The answer "unknown" about a stored id is true only if the event was stored after the question. */
const checkUnknown = (findings: Findings, world: World, events: readonly Folded[], fate: FateRead): void => {
  const stored = events.find(({ entry }) => world.times.before_us(entry.seq) < fate.call.at_us)
  if (stored === undefined) return
  const before_ms = (fate.call.at_us - world.times.before_us(stored.entry.seq)) / 1_000
  findings.violate(
    `${fate.transaction_id} is said to be unknown, ${before_ms.toFixed(0)} ms after event ${stored.entry.seq} of it was seen`,
    { ops: [fate.call.op], seqs: [stored.entry.seq] },
  )
}

export const checkFates = (world: World): Finding => {
  const findings = createFindings(
    'transaction',
    'customer.transaction says committed, declined or unknown, as the stream has it',
  )
  const keys = new Map([...world.writes.values()].map(({ id = '', key }) => [id, key]))
  for (const fate of world.fates) {
    const key = keys.get(fate.transaction_id)
    if (key === undefined) continue
    findings.look()
    const events = world.eventsOf(key)
    if (fate.status === 'committed') checkCommitted(findings, events, fate)
    else if (fate.status === 'unknown') checkUnknown(findings, world, events, fate)
    else if (!events.some(({ event }) => event?.type === 'declined'))
      findings.violate(`${fate.transaction_id} is said to be ${fate.status}, and no event says so`, {
        ops: [fate.call.op],
        seqs: events.map(({ entry }) => entry.seq),
      })
  }
  return findings.finding()
}
