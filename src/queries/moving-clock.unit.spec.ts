/**
 * Answers that depend on time: the account in memory, the item of a table, the row of the journal and the fold of the
 * stream show the same at every moment, and that is what the model shows, which looks through all events again.
 */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Account } from '../ledger/account.js'
import { accountAt, inOrder } from '../ledger/account-at.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import { readRules, rulesText } from '../ledger/rules-text.js'
import { clientId } from '../ledger/testing/arbitrary.js'
import { arbitraryHistory, type Message } from '../ledger/testing/histories.js'
import { createModel } from '../ledger/testing/model.js'
import { decodePlain } from '../ledger/testing/plain.js'
import { accountOfRow, rowRules } from '../tables/row-texts.js'
import { createHotSet } from './hot-set/hot-set.js'

const ID = clientId('a')

/** An account at a time in the form of the model. */
const shown = (account: Account, now_ms: number): unknown => {
  const { balance, available, held, limit, restriction, holds } = accountAt(account, now_ms)
  const lines = inOrder(holds).map(
    ({ id, amount, expires_ms }) => `${new Date(expires_ms).toISOString()} ${id} ${amount}`,
  )
  return { balance, available, held, limit, state: restriction?.state ?? 'active', holds: lines }
}

/** The account as a table gives it back. */
const fromItem = ({ account }: Customer): Customer => {
  const { rules, ...plain } = account
  return { account: rules === undefined ? plain : { ...plain, rules: readRules(rulesText(rules)) } }
}

const fromRow = ({ account: { balance, version, seq, ...rest } }: Customer): Account | undefined =>
  accountOfRow({ balance, version, seq, ...rowRules({ balance, ...rest }) })

type Valid = Message & { readonly body: NonNullable<Message['body']> }

const isValid = (message: Message): message is Valid => message.id === 'a' && message.body !== undefined

/** One customer as the model, the fold of the stream, a table and the memory of an instance have it. */
const createWorld = (loaded_after: number) => {
  const [model, hot] = [createModel(), createHotSet<never>({ customers_max: 5, recent_events_max: 100 })]
  let [customer, item, item_seq, taken] = [NEW_CUSTOMER, NEW_CUSTOMER, 0, 0]
  return {
    take: (message: Valid): void => {
      const decoded = decodePlain(Buffer.from(message.text))
      const next = step(customer, message, decoded)
      if (next.tag === 'applied') customer = next.customer
      model.take(message.body, message.seq, message.at.getTime())
      hot.follow(message, ID, decoded)
      if (taken < loaded_after) [item, item_seq] = [fromItem(customer), message.seq]
      // the item is a little older than what was followed meanwhile
      if (taken === loaded_after) hot.load(ID, item, item_seq)
      taken += 1
    },
    /** What the model shows at a time, and what each of the other ones shows that has the customer. */
    show: (now_ms: number) => ({
      right: model.standing(now_ms),
      others: [customer.account, fromItem(customer).account, fromRow(customer), hot.get(ID)?.account].flatMap(
        account => (account === undefined ? [] : [shown(account, now_ms)]),
      ),
    }),
    rules: () => customer.account.rules,
  }
}

/** Moments before, at and after everything that may end, in milliseconds after an event. */
const LOOKS_MS = [
  0, -1, 1, -90_000, 10_000, 59_999, 60_000, 60_001, 300_000, 600_000, 3_599_999, 3_600_000, 8e9,
]

it('memory, item, row, stream and model agree at every moment, whichever way the clock moves', () => {
  let [expired, ended] = [0, 0]
  fc.assert(
    fc.property(
      arbitraryHistory,
      fc.array(fc.constantFrom(...LOOKS_MS), { minLength: 3, maxLength: 3 }),
      fc.nat(10),
      (history, looks_ms, loaded_after) => {
        const world = createWorld(loaded_after)
        const lookAt = (now_ms: number): void => {
          const { right, others } = world.show(now_ms)
          for (const other of others) expect(other).toEqual(right)
          const { held = right.held, restriction } = world.rules() ?? {}
          if (held !== right.held) expired += 1
          if (restriction !== undefined && right.state === 'active') ended += 1
        }
        for (const message of history.filter(isValid)) {
          world.take(message)
          for (const look_ms of looks_ms) lookAt(message.at.getTime() + look_ms)
        }
      },
    ),
    { numRuns: 200 },
  )
  // the property says nothing where nothing ends
  expect([expired > 50, ended > 10]).toEqual([true, true])
})
