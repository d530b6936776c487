// this spec has servers of its own, because it moves the pointer of a projection
import { jetstream } from '@nats-io/jetstream'
import { type KV, Kvm } from '@nats-io/kv'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { type PointerEntry, readPointer } from '../../generations/pointer.js'
import { resumeConsumer } from '../../stream/consumer.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { PROJECTIONS } from '../definitions/ledger.js'
import { consumerName, targetOf } from '../target.js'
import { flip } from './flip.js'

const KEY = 'projection.ledger'
const [OLD, NEW] = [consumerName('ledger', 1), consumerName('ledger', 2)]
/** The time after which a write without an answer is sent again. */
const ANSWER_MS = 200

let ledger: TestLedger
let nc: NatsConnection
let kv: KV
let last_seq = 0

/** What happens to a write of the pointer: the server gets it and its answer is lost, or the write itself is lost. */
type Loss = 'answer' | 'write'
/** The losses of the next writes of the pointer; the writes after them are carried out and answered. */
let losses: Loss[] = []

type Publish = (subject: string, payload: unknown, options?: { readonly reply?: string }) => unknown

/**
 * Has a connection lose writes of the pointer, or the answers to them: the server sends such an answer to an inbox that
 * has no listener. The client has no hook for that, so a private part of it is replaced.
 */
const loseWrites = (lossy: NatsConnection): void => {
  const { protocol } = lossy as unknown as { protocol: { publish: Publish } }
  const publish = protocol.publish.bind(protocol)
  protocol.publish = (subject, payload, options) => {
    const loss = subject.endsWith(`.${KEY}`) ? losses.shift() : undefined
    if (loss === 'write') return undefined
    return publish(subject, payload, loss === 'answer' ? { ...options, reply: '_INBOX.lost' } : options)
  }
}

beforeAll(async () => {
  ledger = await startTestLedger()
  nc = await connect({ servers: ledger.servers.nats.url })
  ledger.atStop(() => nc.close())
  loseWrites(nc)
  kv = await new Kvm(jetstream(nc, { timeout: ANSWER_MS })).open('config')
  ledger.project()
  last_seq = await ledger.emit('ann', { type: 'credit', amount: 10 })
  await ledger.caughtUp()
})
afterAll(() => ledger.stop())

let entry: PointerEntry

beforeEach(async () => {
  await ledger.kv.put(KEY, '{"generation":1}')
  entry = await right(readPointer(ledger.jsm, 'ledger'))
  await right(resumeConsumer(ledger.jsm, OLD))
})

/** Makes generation 2 the active one. `fill` is done when the old generation is at rest. */
const flipTo2 = (fill: () => Promise<void>): Promise<PointerEntry> => {
  const from = targetOf({ ...ledger, kv }, PROJECTIONS.ledger, 1)
  const to = targetOf(ledger, PROJECTIONS.ledger, 2)
  const filled_seq = last_seq
  const filler = { to: fill, position: () => filled_seq }
  return flip({ from, to, filler, entry, by: undefined, decided_ms_max: 2 * ANSWER_MS })
}

/** The same over a connection that loses what `lost` says. The new table needs no event, because it has all of them. */
const flipLosing = (lost: readonly Loss[]): Promise<PointerEntry> => {
  losses = [...lost]
  return flipTo2(async () => undefined)
}

const pointer = () => right(readPointer(ledger.jsm, 'ledger'))
/** How long a consumer is still paused, in milliseconds. */
const pausedFor_ms = async (name: string): Promise<number> => {
  const { paused, pause_remaining = 0 } = await ledger.jsm.consumers.info(LEDGER_STREAM, name)
  return paused === true ? pause_remaining / 1e6 : 0
}

/** More losses than a flip has tries. */
const always = (loss: Loss): readonly Loss[] => Array<Loss>(100).fill(loss)

describe('a flip whose write of the pointer is not answered', () => {
  it('is carried out when the pointer turns out to be moved: the new generation goes on, and the old one rests', async () => {
    expect(await flipLosing(['answer'])).toMatchObject({ generation: 2, revision: entry.revision + 1 })
    expect(await pointer()).toMatchObject({ generation: 2, previous: 1, revision: entry.revision + 1 })
    expect(await pausedFor_ms(NEW)).toBe(0)
    expect(await pausedFor_ms(OLD)).toBeGreaterThan(0)
  })

  it.each<[string, Loss, number]>([
    ['was moved', 'answer', 2],
    ['was not moved', 'write', 1],
  ])(
    'leaves the old generation at rest for at most 30 s when nobody knows that the pointer %s',
    async (_, loss, generation) => {
      await expect(flipLosing(always(loss))).rejects.toMatchObject({ error: { tag: 'TryAgain' } })
      losses = []
      expect(await pointer()).toMatchObject({ generation })
      const old_ms = await pausedFor_ms(OLD)
      expect(old_ms).toBeGreaterThan(0)
      expect(old_ms).toBeLessThanOrEqual(30_000)
    },
  )

  it('lets the old generation go on at once when it is certain that another process has moved the pointer', async () => {
    await ledger.kv.put(KEY, '{"generation":1,"previous":7}')
    await expect(flipLosing(['write'])).rejects.toMatchObject({ error: { tag: 'Conflict' } })
    expect(await pointer()).toMatchObject({ generation: 1, previous: 7 })
    expect(await pausedFor_ms(OLD)).toBe(0)
  })
})

it('a flip does not move the pointer when the old generation has gone on, because filling took longer than its pause', async () => {
  const flipped = flipTo2(async () => {
    // what the server does at the end of the pause
    await right(resumeConsumer(ledger.jsm, OLD))
    last_seq = await ledger.emit('ann', { type: 'credit', amount: 1 })
    await ledger.caughtUp()
  })
  await expect(flipped).rejects.toThrow('ledger went on before balances-ledger.g2 was complete')
  expect(await pointer()).toMatchObject({ generation: 1 })
  expect(await pausedFor_ms(OLD)).toBe(0)
})
