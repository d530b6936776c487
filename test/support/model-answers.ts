/** Turns the outcome of a command into an answer of the test's model, so that the two can be compared. */

import type { Outcome } from '../../src/commands/outcome.js'
import type { ModelAnswer } from './model.js'

const positionOf = ({ balance, version, seq }: { balance: bigint; version: number; seq: number }) => ({
  balance,
  version,
  seq,
})

export const answerOf = (outcome: Outcome): ModelAnswer => {
  if (outcome.tag === 'failed') {
    const { balance } = outcome.details
    return typeof balance === 'bigint' ? { code: outcome.code, balance } : { code: outcome.code }
  }
  const { reply } = outcome
  return { code: 'done', at: 'from' in reply ? [reply.from, reply.to].map(positionOf) : [positionOf(reply)] }
}
