/** Checks that statements, lists and the ranking agree with the fold. */

import { createFindings, type Finding } from '../findings.js'
import { lastIndexWhere } from '../fold.js'
import type { StatementRead } from '../reads.js'
import type { World } from '../world.js'

/** Says in a clause what is wrong with a page; undefined when nothing is wrong. */
const pageDiffers = ({ ledger }: World, page: StatementRead): string | undefined => {
  const { client_id, entries, limit, has_more } = page
  const states = ledger.statesOf(client_id)
  const [newest] = entries
  let index = lastIndexWhere(states, ({ seq }) => seq <= (newest?.seq ?? 0))
  for (const entry of entries) {
    const [state, event] = [states[index], ledger.at(entry.seq)?.event]
    if (state === undefined || state.seq !== entry.seq)
      return `entry ${entry.seq} stands where event ${state?.seq} has to`
    if (state.balance !== entry.balance || state.version !== entry.version)
      return `entry ${entry.seq} says ${entry.balance} in version ${entry.version}, the fold ${state.balance} in ${state.version}`
    if (event?.type !== entry.type || event.amount !== entry.amount)
      return `entry ${entry.seq} is a ${entry.type} of ${entry.amount}, the event is not`
    index -= 1
  }
  // the opening state at index 0 is not an entry
  return entries.length > 0 && entries.length < limit && !has_more && index > 0
    ? `the page ends at ${entries.at(-1)?.seq}, and ${index} older events are missing`
    : undefined
}

export const checkStatements = (world: World): Finding => {
  const findings = createFindings(
    'statements',
    "a statement's entries are the customer's events, none left out",
  )
  for (const page of world.statements) {
    if (page.entries.length === 0) continue
    findings.look()
    const text = pageDiffers(world, page)
    if (text !== undefined)
      findings.violate(`statement of ${page.client_id}: ${text}`, {
        ops: [page.call.op],
        seqs: page.entries.map(({ seq }) => seq),
      })
  }
  return findings.finding()
}

export const checkLists = (world: World): Finding => {
  const findings = createFindings(
    'lists',
    'a customer in a list or the ranking has a balance that it had at some time',
  )
  for (const { call, rows } of world.lists)
    for (const { client_id, balance, version } of rows) {
      findings.look()
      const is_a_state = world.ledger
        .statesOf(client_id)
        .some(state => state.balance === balance && (version === undefined || state.version === version))
      if (!is_a_state)
        findings.violate(`${client_id} is listed with ${balance}, which it never had`, { ops: [call.op] })
    }
  return findings.finding()
}
