/**
 * Transaction ids for the commands of a file, so that a file which is sent twice has one effect.
 */

import { createHash } from 'node:crypto'
import { isJsonObject } from '../json.js'

/** So many hexadecimal digits tell one file from another: 128 bits. */
const DIGEST_CHARS = 32

/**
 * Every command has a transaction id: its own, or one of the content of the whole list and its place there. So the same
 * list sent twice has one effect, whatever became of the first try. `again` makes another list of it on purpose.
 */
export const withTransactionIds = (commands: readonly unknown[], again = ''): readonly unknown[] => {
  const content = JSON.stringify([commands, again])
  const digest = createHash('sha256').update(content).digest('hex').slice(0, DIGEST_CHARS)
  return commands.map((command, row) =>
    isJsonObject(command) && command.transaction_id === undefined
      ? { ...command, transaction_id: `batch-${digest}-${row}` }
      : command,
  )
}
