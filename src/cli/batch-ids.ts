/**
 * Makes transaction ids for the commands of a file, so that a file that is sent twice has one effect.
 */

import { createHash } from 'node:crypto'
import { isJsonObject } from '../json.js'

/** The number of hexadecimal digits of the digest in an id: 128 bits tell one file from another. */
const DIGEST_CHARS = 32

/**
 * The commands, each with a transaction id: its own, or one made from the content of the whole list and its position.
 * So the same list sent twice has one effect, even if the first attempt failed. Another value of `again` makes other
 * ids, so that the same list is carried out once more on purpose.
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
