// has servers of its own: it changes and deletes consumers
import { AckPolicy, type ConsumerConfig, DeliverPolicy, ReplayPolicy } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { consumerDifferences, makeConsumer, mendConsumer } from './consumer.js'
import { LEDGER_STREAM } from './settings.js'

const EVENTS = 5

let ledger: TestLedger
beforeAll(async () => {
  ledger = await startTestLedger()
  for (let i = 1; i <= EVENTS; i += 1) await ledger.emit('a', { type: 'credit', amount: i })
})
afterAll(() => ledger.stop())

const infoOf = (name: string) => ledger.jsm.consumers.info(LEDGER_STREAM, name)
const configOf = async (name: string) => ({ ...(await infoOf(name)).config })

/** Changes that a person may have made with the `nats` command line. */
const EDITS: readonly (readonly [string, Partial<ConsumerConfig>])[] = [
  ['filter_subject', { filter_subject: 'customer.balance.b' }],
  ['filter_subjects', { filter_subjects: ['customer.balance.b', 'customer.balance.c'] }],
  ['ack_policy', { ack_policy: AckPolicy.Explicit }],
  ['ack_wait', { ack_wait: 1_000_000_000 }],
  ['max_deliver', { max_deliver: 1 }],
  ['max_ack_pending', { max_ack_pending: 1 }],
  ['max_waiting', { max_waiting: 1 }],
  ['inactive_threshold', { inactive_threshold: 60_000_000_000 }],
  ['headers_only', { headers_only: true }],
  ['replay_policy', { replay_policy: ReplayPolicy.Original }],
  ['mem_storage', { mem_storage: true }],
  ['description', { description: 'mine' }],
  ['max_batch', { max_batch: 1 }],
  ['priority_timeout', { priority_timeout: 60_000_000_000 }],
  ['metadata', { metadata: { owner: 'me' } }],
]

describe('the consumer of a projection', () => {
  it('is as it should be right after it was made, wherever it began', async () => {
    await right(makeConsumer(ledger.jsm, 'ledger', { seq: 1 }))
    await right(makeConsumer(ledger.jsm, 'ledger-g2', { seq: 4 }))
    for (const name of ['ledger', 'ledger-g2'])
      expect(consumerDifferences(name, await infoOf(name))).toEqual([])
  })

  it.each(EDITS)('that was changed in %s is named and mended, at its place', async (setting, edit) => {
    const name = `ledger-g${EDITS.findIndex(([each]) => each === setting) + 3}`
    const { filter_subject = '', ...base } = await configOf('ledger-g2')
    const filter = 'filter_subjects' in edit ? {} : { filter_subject }
    await ledger.jsm.consumers.add(LEDGER_STREAM, { ...base, ...filter, durable_name: name, name, ...edit })
    const place = (await infoOf(name)).ack_floor.stream_seq
    const found = await right(mendConsumer(ledger.jsm, name))
    expect(found.join('; ')).toContain(setting)
    expect(consumerDifferences(name, await infoOf(name))).toEqual([])
    expect((await infoOf(name)).ack_floor.stream_seq).toBe(place)
    expect(await right(mendConsumer(ledger.jsm, name))).toEqual([])
  })

  it.each([0, -7_200_000, 7_200_000])(
    'that was paused for long is named and goes on; a short pause of a replay is kept; by a clock that is %i ms ahead',
    async by_ms => {
      const now = Date.now
      const [short, long] = [new Date(now() + 20_000), new Date(now() + 3_600_000)]
      Date.now = () => now() + by_ms
      try {
        await ledger.jsm.consumers.pause(LEDGER_STREAM, 'ledger', short)
        expect(await right(mendConsumer(ledger.jsm, 'ledger'))).toEqual([])
        expect((await infoOf('ledger')).paused).toBe(true)
        await ledger.jsm.consumers.pause(LEDGER_STREAM, 'ledger', long)
        expect(await right(mendConsumer(ledger.jsm, 'ledger'))).toEqual([
          expect.stringContaining('it is paused until'),
        ])
        expect((await infoOf('ledger')).paused ?? false).toBe(false)
      } finally {
        Date.now = now
      }
    },
  )

  it('that was made anew by hand keeps the place that it was given, which the table is compared with', async () => {
    await ledger.jsm.consumers.delete(LEDGER_STREAM, 'ledger')
    await ledger.jsm.consumers.add(LEDGER_STREAM, {
      durable_name: 'ledger',
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.New,
    })
    await right(makeConsumer(ledger.jsm, 'ledger', { seq: 1 }))
    expect(consumerDifferences('ledger', await infoOf('ledger'))).toEqual([])
    expect((await infoOf('ledger')).ack_floor.stream_seq).toBe(EVENTS)
  })

  it('that is missing is left to its projection', async () => {
    expect(await right(mendConsumer(ledger.jsm, 'ledger-g99'))).toEqual([])
    await expect(infoOf('ledger-g99')).rejects.toThrow('consumer not found')
  })
})
