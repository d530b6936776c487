/**
 * Whether commands can be stored whole: as one atomic batch of the stream, or not at all (docs/adr/0012).
 */

import type { AskedCommand } from '../ledger/command.js'
import { BATCH_MESSAGES_MAX } from '../stream/publish.js'
import { messagesOfCommand } from './group-commit/plan.js'
import type { Submitted } from './group-commit/ports.js'

/** The number of messages of a command. What a reversal takes back is not known yet: it may be a transfer. */
const messagesOf = (command: AskedCommand): number =>
  command.type === 'reverse' ? 2 : messagesOfCommand(command)

/** The reason why the commands cannot be one atomic batch, with the index of the first command that cannot be in it. */
export const wholeProblem = (
  submitted: readonly Submitted[],
): { readonly message: string; readonly index: number } | undefined => {
  const seen = new Set<string>()
  let messages = 0
  for (const [index, { command, has_given_id }] of submitted.entries()) {
    messages += messagesOf(command)
    if (messages > BATCH_MESSAGES_MAX) {
      const limit = `one atomic batch holds at most ${BATCH_MESSAGES_MAX} events, and a transfer is two`
      return { message: `commands: ${limit}; split them, or use the mode "each"`, index }
    }
    if (has_given_id !== submitted[0]?.has_given_id)
      return { message: 'commands: either every command has a transaction_id or none has', index }
    if (seen.has(command.transaction_id))
      return { message: 'transaction_id: is that of an earlier command of the batch', index }
    seen.add(command.transaction_id)
  }
  return undefined
}
