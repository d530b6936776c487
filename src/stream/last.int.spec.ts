import { connect, headers, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { startTestNats, type TestNats } from '../../test/support/servers.js'
import { lastProved } from './last.js'
import { leadershipOf } from './leadership.js'
import { manager, provision } from './provision.js'
import { LEDGER_STREAM } from './settings.js'

let nats: TestNats
let nc: NatsConnection

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
})

afterAll(async () => {
  await nc.close()
  await nats.stop()
})

const subject = (id: string): string => `customer.balance.${id}`
const publish = async (id: string, body: string): Promise<number> => {
  const { data } = await nc.request(subject(id), body)
  return JSON.parse(new TextDecoder().decode(data)).seq
}
const text = (body: Uint8Array | undefined): string => new TextDecoder().decode(body)

it('says that there is no stream', async () => {
  expect(await leadershipOf(nc).prove()()).toMatchObject({ _tag: 'Left', left: { tag: 'NotFound' } })
})

it('proves that an empty stream is empty', async () => {
  await right(provision(nc, { replicas: 1 }))
  const { proof, last } = await right(lastProved(nc, [subject('a')]))
  expect(proof).toMatchObject({ last_seq: 0 })
  expect(last.size).toBe(0)
})

it('gives the last event of each subject, and leaves out those that have none', async () => {
  await publish('first', '1')
  await publish('a', '2')
  const seq = await publish('a', '3')
  const { proof, last } = await right(lastProved(nc, [subject('a'), subject('none')]))
  expect(proof).toMatchObject({ last_seq: seq })
  expect([...last.keys()]).toEqual([subject('a')])
  const found = last.get(subject('a'))
  expect(found).toMatchObject({ seq, subject: subject('a') })
  expect(text(found?.body)).toBe('3')
  expect(Math.abs((found?.at.getTime() ?? 0) - proof.server_time.getTime())).toBeLessThan(5_000)
})

it('proves that none of many subjects has an event', async () => {
  const { proof, last } = await right(
    lastProved(
      nc,
      Array.from({ length: 1_000 }, (_, i) => subject(`none-${i}`)),
    ),
  )
  expect(proof.last_seq).toBeGreaterThan(0)
  expect(last.size).toBe(0)
})

it('finds an event whose own headers are those of the server', async () => {
  const own = headers()
  own.append('Nats-Subject', subject('victim'))
  own.append('Nats-Sequence', '1')
  own.append('Nats-UpTo-Sequence', '999999')
  await nc.request(subject('liar'), '', { timeout: 5_000, headers: own })
  const { last } = await right(lastProved(nc, [subject('victim'), subject('liar')]))
  expect([...last.keys()]).toEqual([subject('liar')])
})

it('answers those who ask together by one question that was asked after all of them', async () => {
  const { prove, newest } = leadershipOf(nc)
  const before = Number(nc.stats().outMsgs)
  const called_ms = performance.now()
  const proofs = await Promise.all(Array.from({ length: 500 }, () => right(prove())))
  expect(Number(nc.stats().outMsgs) - before).toBeLessThanOrEqual(2)
  for (const { asked_ms } of proofs) expect(asked_ms).toBeGreaterThanOrEqual(called_ms)
  expect(newest()).toBe(proofs.at(-1))
})

it('rests on the stream that is there: one that is made anew has another first event', async () => {
  const jsm = await right(manager(nc))
  await jsm.streams.delete(LEDGER_STREAM)
  await right(provision(nc, { replicas: 1 }))
  const seq = await publish('other', '1')
  const { last } = await right(lastProved(nc, [subject('first'), subject('a')]))
  expect(last.size).toBe(0)
  expect((await right(lastProved(nc, [subject('other')]))).last.get(subject('other'))?.seq).toBe(seq)
})
