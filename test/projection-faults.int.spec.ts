// has servers of its own: DynamoDB is killed here, and a proxy returns false errors
import { jetstream } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { PROJECTIONS } from '../src/projections/definitions/ledger.js'
import { replay } from '../src/projections/rebuild/rebuild.js'
import { publishBatch } from '../src/stream/publish.js'
import { expectLetters, expectStored } from './support/checks.js'
import { type DynamodbProcess, startDynamodbProcess } from './support/dynamodb-process.js'
import { FAULTS, type FaultyDynamodb, startFaultyDynamodb } from './support/faulty-dynamodb.js'
import { foldEvents, readEvents } from './support/independent-fold.js'
import { type OpenLedger, openTestLedger, right } from './support/ledger.js'
import { startLoad, untilAcknowledged } from './support/load.js'
import { newFolder, removeFolder, startTestNats, type TestNats, until } from './support/servers.js'
import { expectVerified } from './support/verified.js'

const SHARE = 0.2
const EVENTS_PER_S = 200
/** Longer than the client waits, so that the client gives up first, and soon. */
const LATE_MS = 1_700

let folder: string
let nats: TestNats
let dynamodb: DynamodbProcess
let faulty: FaultyDynamodb
let ledger: OpenLedger

const open = (): Promise<OpenLedger> =>
  openTestLedger({ connection: { servers: nats.url }, dynamodb_endpoint: faulty.endpoint })

beforeEach(async () => {
  folder = newFolder()
  nats = await startTestNats()
  dynamodb = await startDynamodbProcess(folder)
  faulty = await startFaultyDynamodb(dynamodb.endpoint, { late_ms: LATE_MS })
  ledger = await open()
})

afterEach(async () => {
  faulty.setShare(0)
  await ledger.stop()
  await faulty.stop()
  await dynamodb.kill()
  await nats.stop()
  removeFolder(folder)
})

/** Starts the projection and waits until it is at work: a table that does not exist yet could not be compared. */
const project = async (): Promise<void> => {
  ledger.project()
  await ledger.caughtUp()
}

/** Publishes transfers between neighbours in a ring, some of them without enough funds, all by one publisher. */
const transfers = async (count: number): Promise<void> => {
  for (let at = 0; at < count; at += 100) {
    const legs = Array.from({ length: Math.min(100, count - at) }, (_, i) => {
      const [from, to] = [`ring-${(at + i) % 30}`, `ring-${(at + i + 1) % 30}`]
      const transaction_id = `ring:${at + i}`
      const event = (type: string, id: string, counterparty: string) =>
        JSON.stringify({ type, amount: 3, transaction_id: id, transfer: { counterparty } })
      return [
        { subject: `customer.balance.${from}`, body: event('debit', transaction_id, to) },
        { subject: `customer.balance.${to}`, body: event('credit', `${transaction_id}:credit`, from) },
      ]
    }).flat()
    await right(publishBatch(ledger.nc, legs, 5_000))
  }
}

const fundRing = async (): Promise<void> => {
  for (let i = 0; i < 30; i += 1)
    await jetstream(ledger.nc).publish(`customer.balance.ring-${i}`, '{"type":"credit","amount":1000}')
}

/** Expects no trace of the faults: the table and the letters agree with the stream, and health is ok. */
const expectHealed = async (): Promise<void> => {
  await expectVerified(ledger)
  await expectLetters(ledger.nc, foldEvents(await readEvents(ledger.nc)))
  await until(() => ledger.health.read().state === 'ok', { deadline_ms: 30_000, what: 'health to be ok' })
}

it('every fifth call goes wrong, in every way there is: the table equals the stream, and no good event is a letter', async () => {
  await project()
  await fundRing()
  faulty.setShare(SHARE)
  const load = startLoad(ledger.nc, { name: 'faults', events_per_s: EVENTS_PER_S, tries_max: 5 })
  for (let round = 1; round <= 6; round += 1) {
    await transfers(100)
    await untilAcknowledged(load, round * EVENTS_PER_S)
  }
  await expectStored(ledger.nc, await load.stop())
  // many transfers at once, so that a fault hits many transactions in flight together
  await transfers(1_000)
  faulty.setShare(0)
  await expectHealed()
  // timing decides which call gets which fault, but at most two faults may be missing
  expect(faulty.inflicted().size).toBeGreaterThanOrEqual(FAULTS.length - 2)
})

it('DynamoDB is killed and started again under load, and its errors go on: the table equals the stream', async () => {
  await project()
  await fundRing()
  faulty.setShare(SHARE)
  const load = startLoad(ledger.nc, { name: 'killed', events_per_s: EVENTS_PER_S, tries_max: 5 })
  for (let round = 1; round <= 4; round += 1) {
    await untilAcknowledged(load, round * EVENTS_PER_S)
    await dynamodb.kill()
    await transfers(50)
    await untilAcknowledged(load, round * EVENTS_PER_S + EVENTS_PER_S / 2)
    await dynamodb.start()
  }
  await expectStored(ledger.nc, await load.stop())
  faulty.setShare(0)
  await expectHealed()
})

it('a replay where every fifth call goes wrong ends well, and DynamoDB may be away for a moment', async () => {
  await project()
  await fundRing()
  await transfers(1_500)
  await expectVerified(ledger)
  faulty.setShare(SHARE)
  const options = { keep: false, checkpoint_ms: 50, signal: new AbortController().signal }
  let killed: Promise<void> | undefined
  const onProgress = (stage: string, done: number): void => {
    if (stage !== 'folding' || done < 1_000) return
    killed ??= dynamodb.kill().then(() => dynamodb.start())
  }
  const { generation } = await replay(ledger, PROJECTIONS.ledger, { ...options, onProgress })
  await killed
  expect(generation).toBe(2)
  faulty.setShare(0)
  await transfers(10)
  await expectHealed()
})

it('every second answer is lost after the work was done: a replay finds its own writes, and goes on', async () => {
  await fundRing()
  await transfers(300)
  await ledger.stop()
  await faulty.stop()
  const faults = ['dropped after', 'internal error after'] as const
  faulty = await startFaultyDynamodb(dynamodb.endpoint, { faults })
  ledger = await open()
  faulty.setShare(0.5)
  const options = { keep: false, checkpoint_ms: 30_000, signal: new AbortController().signal }
  await replay(ledger, PROJECTIONS.ledger, { ...options, onProgress: () => undefined })
  faulty.setShare(0)
  await project()
  await expectHealed()
})
