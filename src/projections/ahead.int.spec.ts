/** A projector that is behind folds one run while it writes the one before: what happens when that write does not go well. */

import { afterEach, beforeEach, expect, it } from 'vitest'
import { LOCAL, right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { expectVerified } from '../../test/support/verified.js'
import {
  startWatchedDynamodb,
  type WatchedCall,
  type WatchedDynamodb,
} from '../../test/support/watched-dynamodb.js'
import { publishBatch } from '../stream/publish.js'
import { createTablesClient } from '../tables/client.js'
import { IDENTITY_ID } from '../tables/identity.js'
import { PROJECTIONS } from './definitions/ledger.js'
import { startProjector } from './runner.js'

/** The most events of a run. */
const RUN_EVENTS = 2_000
const BATCH_MESSAGES = 1_000
const CUSTOMERS = 50

let ledger: TestLedger
let watched: WatchedDynamodb
const endings: (() => Promise<void>)[] = []

/** Two full runs and a bit: events of `first` customers, then of `first` and `second` ones in turn. */
const events = (): { subject: string; body: string }[] =>
  Array.from({ length: 2 * RUN_EVENTS + 100 }, (_, i) => {
    const name = i >= RUN_EVENTS && i % 2 === 0 ? 'second' : 'first'
    return { subject: `customer.balance.${name}-${i % CUSTOMERS}`, body: '{"type":"credit","amount":1}' }
  })

/** Whether a transaction notes how far the table is folded, which is the end of a run. */
const isEnd = ({ operation, body }: WatchedCall): boolean =>
  operation === 'TransactWriteItems' && body.includes(`"id":{"S":"${IDENTITY_ID}"}`)

const readsSecond = ({ operation, body }: WatchedCall): boolean =>
  operation === 'BatchGetItem' && body.includes('second-')

/** What becomes of the end of the first run, which is held until the heads of the second are read. */
type EndOfFirst = (carryOut: () => Promise<void>) => Promise<'answer' | 'cut'>

/** The number of ends that were held until another run was being folded. */
const projectWith = async (endOfFirst: EndOfFirst): Promise<() => number> => {
  let held = 0
  let release: () => void = () => undefined
  const second_is_read = new Promise<void>(resolve => {
    release = resolve
  })
  watched = await startWatchedDynamodb(ledger.servers.dynamodb.endpoint, async (call, carryOut) => {
    if (readsSecond(call)) release()
    if (held > 0 || !isEnd(call)) {
      await carryOut()
      return 'answer'
    }
    await second_is_read
    held += 1
    return endOfFirst(carryOut)
  })
  const tables = createTablesClient({ endpoint: watched.endpoint, ...LOCAL })
  const projector = startProjector({ ...ledger, tables }, PROJECTIONS.ledger)
  endings.push(
    () => watched.stop(),
    async () => tables.destroy(),
    () => projector.stop(),
  )
  return () => held
}

beforeEach(async () => {
  ledger = await startTestLedger()
  const all = events()
  for (let at = 0; at < all.length; at += BATCH_MESSAGES)
    await right(publishBatch(ledger.nc, all.slice(at, at + BATCH_MESSAGES), 10_000))
})

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
  await ledger.stop()
})

it.each<[string, EndOfFirst]>([
  [
    'is written',
    async carryOut => {
      await carryOut()
      return 'answer'
    },
  ],
  ['is lost', async () => 'cut'],
  [
    'is written, and its answer is lost',
    async carryOut => {
      await carryOut()
      return 'cut'
    },
  ],
])(
  'a run is folded while the end of the one before %s, and every event counts once',
  async (_, endOfFirst) => {
    const held = await projectWith(endOfFirst)
    await until(async () => held() > 0, {
      deadline_ms: 30_000,
      what: 'the second run to be folded before the first one is written',
    })
    const { rows_compared } = await expectVerified(ledger)
    expect(rows_compared).toBe(events().length)
  },
)
