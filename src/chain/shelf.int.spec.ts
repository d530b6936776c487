import { connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { type LockedBucket, startLockedBucket } from '../../test/support/locked-bucket.js'
import { startTestNats, type TestNats, until } from '../../test/support/servers.js'
import { E } from '../fp.js'
import { createHealth } from '../health.js'
import { provision } from '../stream/provision.js'
import { type Head, nextHead } from './head.js'
import { writeHead } from './head-stream.js'
import { lockedStore } from './locked-store.js'
import { newSeed, type Signer, signerOf } from './nkey.js'
import { SHELF_PART, startShelf } from './shelf.js'

const DEADLINE_MS = 20_000
const DAYS = 3
const DAY_MS = 86_400_000

let nats: TestNats
let nc: NatsConnection
let bucket: LockedBucket
let signer: Signer

beforeAll(async () => {
  ;[nats, bucket] = await Promise.all([startTestNats(), startLockedBucket()])
  nc = await connect({ servers: nats.url })
  await right(provision(nc, { replicas: 1, has_heads: true }))
  const made = signerOf(newSeed())
  if (E.isLeft(made)) throw new Error(made.left)
  signer = made.right
})
afterAll(async () => {
  await nc?.close()
  await nats?.stop()
  await bucket?.stop()
})

const sign = async (before: Head | undefined, place: number, events: number): Promise<Head> => {
  const leaves = Array.from({ length: events }, (_, i) => ({ hash: Buffer.alloc(32, i), time_ns: BigInt(i) }))
  const head = await nextHead(signer, before, leaves, new Date())
  await right(writeHead(nc, place, head))
  return head
}

it('the newest head is kept in a bucket with a lock, once, and makes up for the time in which the bucket was away', async () => {
  const health = createHealth(() => undefined)
  const credentials = async () => ({ accessKeyId: 'key', secretAccessKey: 'secret' })
  const options = {
    bucket: 'kept',
    region: 'eu-central-1',
    endpoint: bucket.url,
    locked_days: DAYS,
    credentials,
  }
  const start = () =>
    startShelf({ nc, health, log: pino({ level: 'silent' }) }, signer.key, lockedStore(options), 5)
  const untilDetail = (ending: string): Promise<true> =>
    until(() => health.of(SHELF_PART)?.detail.endsWith(ending) === true, {
      deadline_ms: DEADLINE_MS,
      what: `"${ending}" in ${health.of(SHELF_PART)?.detail}`,
    })
  const isKept = ({ head }: Head): boolean =>
    [...bucket.objects.values()].some(({ body }) => body === `${JSON.stringify(head)}\n`)
  const untilKept = (head: Head): Promise<true> =>
    until(() => isKept(head), { deadline_ms: DEADLINE_MS, what: `head ${head.head.size} to be kept` })

  bucket.fail()
  const first = await sign(undefined, 0, 2)
  // two instances: each puts what the other one may have put
  const shelves = [start(), start()]
  await untilDetail('503 SlowDown Reduce your rate.')
  const second = await sign(first, 1, 3)
  bucket.work()
  await untilKept(second)
  await until(() => health.of(SHELF_PART)?.state === 'ok', { deadline_ms: DEADLINE_MS, what: 'health' })
  const third = await sign(second, 2, 1)
  await untilKept(third)
  bucket.fail()
  const last = await sign(third, 3, 1)
  await untilDetail('503 SlowDown Reduce your rate.')
  bucket.work()
  await Promise.all(shelves.map(shelf => shelf.stop()))

  // the last one was put by a stopping instance
  expect(isKept(last)).toBe(true)
  const kept = [...bucket.objects]
  expect(kept.map(([path]) => path)).toEqual(
    kept.map(() => expect.stringMatching(/^\/kept\/heads\/00001\/0{15}[2567]-[0-9a-f]{16}\.json$/)),
  )
  for (const [, { until_ms }] of kept) expect(until_ms - Date.now()).toBeGreaterThan((DAYS - 0.1) * DAY_MS)
  expect(health.of(SHELF_PART)).toEqual({ state: 'ok', detail: '' })
})
