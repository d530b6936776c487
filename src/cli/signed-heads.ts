/** Whether a ledger has signed heads, for the commands that need them. */

import type { NatsConnection } from 'nats'
import { E } from '../fp.js'
import { Failure } from '../process/failure.js'
import { streamInfo } from '../stream/provision.js'
import { HEAD_STREAM } from '../stream/settings.js'

export const NO_HEADS =
  'there are no signed heads: JETLEDGER_HEAD_SEED_FILE was never set for this ledger (docs/tamper-evidence.md)'

/** Without the stream of heads there are none. Throws `Failure` when the server does not say whether it is there. */
export const hasHeads = async (nc: NatsConnection): Promise<boolean> => {
  const found = await streamInfo(nc, HEAD_STREAM)()
  if (E.isRight(found)) return found.right.state.messages > 0
  if (found.left.tag === 'NotFound') return false
  throw new Failure(found.left.message, { cause: found.left })
}

/** Throws `Failure` for a ledger without signed heads. */
export const requireHeads = async (nc: NatsConnection): Promise<void> => {
  if (!(await hasHeads(nc))) throw new Failure(NO_HEADS)
}
