/** The run with a hold, and after it credits of another asset, of one of which a part is taken back. */

import type { Call } from '../calls.js'
import type { Entry } from '../event.js'
import {
  answered,
  answeredAt,
  callOf,
  entryOf,
  goodRunWithHold,
  inBatch,
  OPS,
  type Run,
  refusedWith,
  state,
} from './run.js'

const NAMES = { client_id: 'r', asset: 'EUR' }
const ACCOUNT = 'r/EUR'
/** The sequences of the part that is taken back, and of the refusal to take back more than is left. */
export const REVERSAL_SEQS = { taken: 16, refused: 17 } as const

const stateThen = (balance: number, version: number, seq: number) => ({
  ...state('r', balance, version, seq),
  asset: 'EUR',
})

/** 100 and 80 come in; of the 80, 30 are taken back, and then not 60. */
const writes = (): Call[] => {
  const credit = (op: number, amount: number, end: object): Call => ({
    ...callOf(op, 'credit', 'customer.credit', {
      ...{ ...NAMES, amount, reference: `k${op}`, transaction_id: `id-k${op}` },
    }),
    end: answered(answeredAt(op), { transaction_id: `id-k${op}`, ...end }),
  })
  const reverse = (op: number, amount: number): Omit<Call, 'end'> =>
    callOf(op, 'reverse', 'customer.reverse', {
      ...{ transaction_id: 'id-k27', amount, reversal_id: `id-k${op}`, reference: `k${op}` },
    })
  const ids = (op: number) => ({ reverses: 'id-k27', reversal_id: `id-k${op}` })
  return [
    credit(26, 100, stateThen(100, 1, 14)),
    credit(27, 80, stateThen(180, 2, 15)),
    {
      ...reverse(OPS.reversal, 30),
      end: answered(answeredAt(OPS.reversal), {
        ...{ transaction_id: 'id-k27:reversal:1', ...stateThen(150, 3, REVERSAL_SEQS.taken) },
        ...{ reverses: 'id-k27', amount: 30 },
      }),
    },
    {
      ...reverse(OPS.too_much_reversed, 60),
      end: refusedWith(answeredAt(OPS.too_much_reversed), 'REVERSAL_EXCEEDED', {
        ...{ ...ids(OPS.too_much_reversed), ...NAMES, balance: 150, amount: 60, remaining: 50 },
      }),
    },
  ]
}

const entries = (): Entry[] => {
  const declined = {
    command: 'reverse',
    code: 'REVERSAL_EXCEEDED',
    client_id: ACCOUNT,
    balance: 150,
    remaining: 50,
  }
  const reversal = (k: number, op: number) => ({
    ...{ transaction_id: `id-k27:reversal:${k}`, reverses: 'id-k27', reversal_id: `id-k${op}` },
  })
  const bodies: readonly (readonly [op: number, body: object])[] = [
    [26, { type: 'credit', amount: 100, transaction_id: 'id-k26', after: { balance: 100, version: 1 } }],
    [27, { type: 'credit', amount: 80, transaction_id: 'id-k27', after: { balance: 180, version: 2 } }],
    [
      OPS.reversal,
      { type: 'debit', amount: 30, ...reversal(1, OPS.reversal), after: { balance: 150, version: 3 } },
    ],
    [
      OPS.too_much_reversed,
      {
        type: 'declined',
        amount: 60,
        ...reversal(2, OPS.too_much_reversed),
        declined,
        after: { balance: 150, version: 3 },
      },
    ],
  ]
  return bodies.map(([op, body], index) =>
    entryOf(14 + index, op, ACCOUNT, { schema: 2, ...body, reference: `k${op}` }, inBatch(`r${op}`, 1, true)),
  )
}

export const fullRun = (): Run => {
  const run = goodRunWithHold()
  return { calls: [...run.calls, ...writes()], entries: [...run.entries, ...entries()] }
}
