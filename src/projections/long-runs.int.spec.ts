/**
 * A proxy before the table server sees how runs are written: how long they are, and in which order.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOCAL, right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { expectVerified } from '../../test/support/verified.js'
import {
  startWatchedDynamodb,
  type WatchedCall,
  type WatchedDynamodb,
} from '../../test/support/watched-dynamodb.js'
import { consumerProgress } from '../stream/consumer.js'
import { publishBatch } from '../stream/publish.js'
import { createTablesClient } from '../tables/client.js'
import { IDENTITY_ID } from '../tables/identity.js'
import { PROJECTIONS } from './definitions/ledger.js'
import { type Projector, startProjector } from './runner.js'

const TRANSFERS = 1_000
const BATCH_MESSAGES = 500

type Write = {
  readonly Key?: { readonly id: { readonly S: string } }
  readonly Item?: { readonly id: { readonly S: string } }
  readonly ExpressionAttributeValues?: Readonly<Record<string, { readonly N?: string }>>
}

const writesOf = ({ body }: WatchedCall): Write[] => {
  const { TransactItems } = JSON.parse(body.toString()) as { TransactItems: Record<string, Write>[] }
  return TransactItems.flatMap(item => Object.values(item))
}

const idOf = ({ Item, Key }: Write): string => (Item ?? Key)?.id.S ?? ''

/** The number of events that a run handled, from the update of the table's identity that ends it. */
const runLength = (writes: readonly Write[]): number | undefined => {
  const values = writes.find(write => idOf(write) === IDENTITY_ID)?.ExpressionAttributeValues
  return values === undefined ? undefined : Number(values[':seq']?.N) - Number(values[':from']?.N)
}

/** Credits 1,000 customers, and then has each of them pay another one; a credit between spoils every alignment. */
const events = (): { subject: string; body: string }[] => {
  const event = (id: string, body: object) => ({
    subject: `customer.balance.${id}`,
    body: JSON.stringify(body),
  })
  const numbers = Array.from({ length: TRANSFERS }, (_, i) => i)
  return [
    ...numbers.map(i => event(`from-${i}`, { type: 'credit', amount: 10 })),
    ...numbers.flatMap(i => [
      event(`from-${i}`, {
        type: 'debit',
        amount: 3,
        transaction_id: `t-${i}`,
        transfer: { counterparty: `to-${i}` },
      }),
      event(`to-${i}`, {
        type: 'credit',
        amount: 3,
        transaction_id: `t-${i}:credit`,
        transfer: { counterparty: `from-${i}` },
      }),
      ...(i % 101 === 0 ? [event(`between-${i}`, { type: 'credit', amount: 1 })] : []),
    ]),
  ]
}

let ledger: TestLedger
let watched: WatchedDynamodb
let projector: Projector | undefined
/** The writes of each transaction, in the order in which they reached the server. */
let transactions: Write[][]
/** For each transaction that notes a run's end: how many others of its projection were unanswered at that moment. */
let unanswered_at_end: number[]
let release: () => void
let may_end_run: Promise<void>

beforeEach(async () => {
  ledger = await startTestLedger()
  transactions = []
  unanswered_at_end = []
  projector = undefined
  may_end_run = new Promise(resolve => {
    release = resolve
  })
  let unanswered = 0
  watched = await startWatchedDynamodb(ledger.servers.dynamodb.endpoint, async (call, carryOut) => {
    if (call.operation !== 'TransactWriteItems') {
      await carryOut()
      return 'answer'
    }
    const writes = writesOf(call)
    transactions.push(writes)
    const is_end = runLength(writes) !== undefined
    if (is_end) unanswered_at_end.push(unanswered)
    else unanswered += 1
    try {
      if (is_end) await may_end_run
      await carryOut()
    } finally {
      if (!is_end) unanswered -= 1
    }
    return 'answer'
  })
})

afterEach(async () => {
  release()
  await projector?.stop()
  await watched.stop()
  await ledger.stop()
})

describe('a backlog', () => {
  it('is folded in long runs; a run ends after all its writes, and both sides of a transfer are one write', async () => {
    const all = events()
    for (let at = 0; at < all.length; at += BATCH_MESSAGES)
      await right(publishBatch(ledger.nc, all.slice(at, at + BATCH_MESSAGES), 10_000))
    const tables = createTablesClient({ endpoint: watched.endpoint, ...LOCAL })
    projector = startProjector({ ...ledger, tables }, PROJECTIONS.ledger)
    // the first run cannot end before the whole backlog is delivered, so the next one can have all the rest
    const isDelivered = async (): Promise<boolean> =>
      consumerProgress(ledger.jsm, 'ledger')().then(
        progress => progress._tag === 'Right' && progress.right.unacked === all.length,
      )
    await until(isDelivered, { deadline_ms: 30_000, what: 'the backlog to be delivered' })
    release()
    await expectVerified(ledger)

    const runs = transactions.flatMap(writes => runLength(writes) ?? [])
    expect(Math.max(...runs)).toBeGreaterThanOrEqual(all.length / 2)
    expect(unanswered_at_end.length).toBeGreaterThanOrEqual(2)
    expect(unanswered_at_end).toEqual(unanswered_at_end.map(() => 0))
    for (let i = 0; i < TRANSFERS; i += 1) {
      const to = `to-${i}`
      const both = transactions
        .map(writes => writes.map(idOf))
        .filter(ids => ids.includes(to) && ids.includes(`from-${i}`))
      expect([to, both.length > 0]).toEqual([to, true])
    }
    await projector.stop()
    tables.destroy()
  })
})
