/** Groups for unit specs. */

import type { Command } from '../../../ledger/command.js'
import type { Group } from '../group.js'

const newGroup = (commands: readonly Command[], has_given_ids: boolean): Group => ({
  commands,
  origin: 'caller',
  has_given_ids,
  done: () => undefined,
  opened_ms: 0,
  state: 'round',
  tries: 0,
  may_have_known_id: false,
})

/** A group whose ids were made here. */
export const group = (...commands: readonly Command[]): Group => newGroup(commands, false)

/** A group whose caller brought the ids. */
export const brought = (...commands: readonly Command[]): Group => newGroup(commands, true)
