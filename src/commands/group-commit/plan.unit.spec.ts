/** How groups become one batch: every rule of `planBatch`, and of what a stored batch answers. */

import { describe, expect, it } from 'vitest'
import type { ClientId } from '../../ledger/client-id.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import {
  accountWith,
  type Balances,
  credit,
  debit,
  lineOf,
  refusalLine,
  transfer,
} from '../../ledger/testing/scenario.js'
import type { Folded } from '../../stream/fold-subject.js'
import { BATCH_MESSAGES_MAX } from '../../stream/publish.js'
import {
  failuresOf,
  groundsOf,
  loadedAfter,
  messagesOf,
  type Planned,
  planBatch,
  resultOfPlanned,
} from './plan.js'
import { brought, group } from './testing/groups.js'

/** Accounts of version 1, whose last event has sequence 10. */
const seen = (balances: Balances): ReadonlyMap<ClientId, Folded> =>
  new Map(
    Object.entries(balances).map(([id, balance]) => [
      clientId(id),
      { customer: { account: accountWith(balance) }, last_seq: 10 },
    ]),
  )

const tagsOf = (planned: readonly Planned[]): string[] => planned.map(({ tag }) => tag)
const refusalsOf = (planned: readonly Planned[]): string[] =>
  planned.flatMap(each => (each.tag === 'accepted' ? [] : [refusalLine(each.refusal)]))

describe('groups are decided in their order', () => {
  it('each on the balance that the groups before it left', () => {
    const { events, planned } = planBatch(
      [group(credit('alice', 50)), group(debit('alice', 120)), group(debit('alice', 40))],
      seen({ alice: 100 }),
    )
    expect(events.map(lineOf)).toEqual(['credit alice 50 -> 150', 'debit alice 120 -> 30'])
    expect(tagsOf(planned)).toEqual(['accepted', 'accepted', 'refused'])
    expect(refusalsOf(planned)).toEqual(['INSUFFICIENT_FUNDS alice: 40 against 30'])
  })

  it('and a customer who was not loaded is a fault of this program, which stops no other group', () => {
    const { events, broken } = planBatch(
      [group(debit('nobody', 1)), group(credit('alice', 1))],
      seen({ alice: 0 }),
    )
    expect(events.map(lineOf)).toEqual(['credit alice 1 -> 1'])
    expect(broken.map(({ cause }) => String(cause))).toEqual([
      expect.stringContaining('nobody was not loaded'),
    ])
  })
})

describe('a group of several commands', () => {
  it('has all of its events or none: what came before its refused command is taken back', () => {
    const { events, planned } = planBatch(
      [group(credit('alice', 5)), group(debit('alice', 100), debit('bob', 1)), group(debit('alice', 105))],
      seen({ alice: 100, bob: 0 }),
    )
    expect(events.map(lineOf)).toEqual(['credit alice 5 -> 105', 'debit alice 105 -> 0'])
    expect(tagsOf(planned)).toEqual(['accepted', 'refused', 'accepted'])
  })

  it('rests on every customer up to its refused command', () => {
    const { planned } = planBatch(
      [group(debit('alice', 1), debit('bob', 1), debit('carol', 1))],
      seen({ alice: 1, bob: 0, carol: 1 }),
    )
    const [refused] = planned
    expect(refused?.tag === 'refused' && groundsOf(refused)).toEqual(['alice', 'bob'])
  })

  it('fails with the index of its refused command', () => {
    const plan = planBatch([group(credit('alice', 1), debit('bob', 1))], seen({ alice: 1, bob: 0 }))
    const [refused] = plan.planned
    expect(refused && resultOfPlanned(plan, refused, 0)).toMatchObject({
      code: 'INSUFFICIENT_FUNDS',
      details: { index: 1, client_id: 'bob' },
    })
  })

  it('that does not fit any more is left for the next round, with all that follow it', () => {
    const large = group(...Array.from({ length: BATCH_MESSAGES_MAX }, (_, i) => credit('alice', 1, `t${i}`)))
    const [first, last] = [group(credit('alice', 1)), group(credit('alice', 1))]
    const { left_over, planned } = planBatch([first, large, last], seen({ alice: 0 }))
    expect(planned.map(each => each.group)).toEqual([first])
    expect(left_over).toEqual([large, last])
  })
})

describe('a refusal', () => {
  it('of a command whose caller brought the id is recorded by an event, so that the id has one answer for ever', () => {
    const { events, planned } = planBatch([brought(debit('alice', 101, 'pay-1'))], seen({ alice: 100 }))
    expect(tagsOf(planned)).toEqual(['declined'])
    expect(events.map(({ event }) => event)).toMatchObject([
      { type: 'declined', transaction_id: 'pay-1', declined: { code: 'INSUFFICIENT_FUNDS', balance: 100n } },
    ])
  })

  it('that is recorded leaves the balance to the groups behind it', () => {
    const { events } = planBatch(
      [brought(debit('alice', 101)), group(debit('alice', 100))],
      seen({ alice: 100 }),
    )
    expect(events.map(lineOf)).toEqual(['declined alice 101 -> 100', 'debit alice 100 -> 0'])
  })
})

describe('the messages of a batch', () => {
  it('expect the sequence that was seen on the first event of each customer, and no sequence on the others', () => {
    const accounts = seen({ alice: 100, bob: 0 })
    const plan = planBatch([group(transfer('alice', 'bob', 1, 'a')), group(debit('alice', 1, 'b'))], accounts)
    expect(messagesOf(plan, accounts).map(m => [m.subject, m.msg_id, m.expected_last_subject_seq])).toEqual([
      ['customer.balance.alice', 'a', 10],
      ['customer.balance.bob', expect.stringMatching(/^a.+/), 10],
      ['customer.balance.alice', 'b', undefined],
    ])
  })

  it('that cannot be sent fail their own group', () => {
    const [first, second] = [group(transfer('alice', 'bob', 1)), group(debit('alice', 1))]
    const plan = planBatch([first, second], seen({ alice: 100, bob: 0 }))
    const failures = failuresOf(plan, [{ index: 2, kind: 'too large', message: '2 MB' }])
    expect([...failures]).toEqual([[second, expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' })]])
  })
})

describe('a stored batch', () => {
  const plan = planBatch(
    [group(credit('alice', 1)), group(transfer('alice', 'bob', 2))],
    seen({ alice: 5, bob: 0 }),
  )

  it('whose last message has sequence 23 leaves its accounts at the sequences before it', () => {
    expect(Object.fromEntries(loadedAfter(plan, 23))).toMatchObject({
      alice: { customer: { account: { balance: 4n, seq: 22 } }, last_seq: 22 },
      bob: { customer: { account: { balance: 2n, seq: 23 } }, last_seq: 23 },
    })
  })

  it('answers each group with the positions of its customers', () => {
    expect(plan.planned.map(planned => resultOfPlanned(plan, planned, 23))).toMatchObject([
      { replies: [{ client_id: 'alice', balance: 6n, version: 2, seq: 21 }] },
      { replies: [{ from: { balance: 4n, version: 3, seq: 22 }, to: { balance: 2n, version: 2, seq: 23 } }] },
    ])
  })
})
