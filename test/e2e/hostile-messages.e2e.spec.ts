/** Messages with hostile content: headers that break the rules, reply subjects of others, terminal escapes. */

import { Kvm } from '@nats-io/kv'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import '../../src/headers.js'
import { ODD_HEADERS } from '../support/odd-headers.js'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { headerBlock, publishRaw } from '../support/raw-publisher.js'
import { until } from '../support/servers.js'

const KINDS = Object.entries(ODD_HEADERS)
const ESCAPE = '\u001b]0;pwned\u0007\u009b31m'

let bench: Workbench
let dev: Dev
let nc: NatsConnection

beforeAll(async () => {
  bench = openWorkbench()
  dev = await bench.dev()
  nc = await bench.connect(dev.nats_url)
})
afterAll(() => bench.end())

const ask = async (subject: string, body: object): Promise<Record<string, unknown>> =>
  (await nc.request(subject, JSON.stringify(body), { timeout: 15_000 })).json()

const lastSeq = async (): Promise<number> => {
  const info = await nc.request('$JS.API.STREAM.INFO.customer-balances')
  return info.json<{ state: { last_seq: number } }>().state.last_seq
}

const verified = async (): Promise<void> => {
  const { code, stdout, stderr } = await bench.run(['verify'])
  expect(`${code} ${stdout}${stderr}`).toMatch(/^0 /)
}

it('events with odd headers count like any other, for commands, queries, letters, replay and verify', async () => {
  await publishRaw(
    dev.nats_url,
    KINDS.flatMap(([, headers], i) => [
      { subject: `customer.balance.odd-${i}`, headers, body: '{"type":"credit","amount":1}' },
      { subject: `customer.balance.odd-${i}`, headers, body: '{"type":"debit","amount":1000}' },
    ]),
  )
  for (const [i, [kind]] of KINDS.entries()) {
    const client_id = `odd-${i}`
    const strong = await ask('customer.balance', { client_id, consistency: 'strong' })
    expect({ kind, ...strong }).toEqual({ kind, balance: 1 })
    const credited = await ask('customer.credit', { client_id, amount: 5, transaction_id: `odd-${i}` })
    expect({ kind, balance: credited.balance, version: credited.version }).toEqual({
      kind,
      balance: 6,
      version: 2,
    })
    const { entries } = await ask('customer.statement', { client_id })
    expect({ kind, entries: (entries as unknown[]).length }).toEqual({ kind, entries: 2 })
  }
  await verified()
  expect((await bench.run(['replay'])).code).toBe(0)
  await verified()
  const letters = await bench.run(['dead-letters', 'list', '--json'])
  expect(JSON.parse(letters.stdout)).toHaveLength(KINDS.length)
})

it('nothing of what others sent is printed raw', async () => {
  const subject = `customer.balance.a${ESCAPE}`
  const headers = headerBlock(`X-${ESCAPE}: ${ESCAPE}`)
  await publishRaw(dev.nats_url, [{ subject, headers, body: `{"type":"${ESCAPE}\r\nforged line"}` }])
  const seq = String(await lastSeq())
  nc.subscribe('hostile.echo', { callback: (_, msg) => void msg.respond(`${ESCAPE}\nsecond`) })
  await nc.flush()
  const lists = () => bench.run(['dead-letters', 'list', '--limit', '1000'])
  await until(async () => (await lists()).stdout.includes(seq), { deadline_ms: 30_000, what: 'the letter' })
  const printed = await Promise.all([
    lists(),
    bench.run(['dead-letters', 'show', seq]),
    bench.run(['dead-letters', 'show', seq, '--json']),
    bench.run(['status']),
    bench.run(['request', 'hostile.echo', '{}']),
    bench.run(['request', `hostile.${ESCAPE}`, '{}']),
    bench.run(['dead-letters', 'retry', seq, '--customer', ESCAPE]),
  ])
  for (const { stdout, stderr } of printed) {
    expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
    expect(stdout).not.toMatch(/^forged line/m)
  }
  expect(printed[1]?.stdout).toContain('\\u001b]0;pwned\\u0007')
  expect(printed[4]?.stdout).toContain('\nsecond\n')
})

it('a reply subject that is no inbox leads to nothing, whoever answers', async () => {
  const before = await lastSeq()
  const kv = await new Kvm(nc).open('config')
  const written = () =>
    Promise.all(['projection.ledger', 'replay.ledger'].map(async key => (await kv.get(key))?.revision))
  const revisions = await written()
  const replies = [
    'customer.balance.victim',
    '$KV.config.projection.ledger',
    '$KV.config.replay.ledger',
    'customer.dead-letter.600.9999',
    'customer.dead-letter.x.1.mark',
    'customer.credit',
  ]
  const requests: [string, object][] = [
    ['customer.balance', { client_id: '678' }],
    ['customer.transaction', { transaction_id: 'odd-0' }],
    ['customer.statement', { client_id: '678' }],
    ['customer.list', {}],
    ['customer.credit', { client_id: 'nobody-to-be', amount: 1 }],
    ['customer.credit', { client_id: 'nobody-to-be', amount: 'none' }],
    ['$SRV.PING', {}],
    ['$SRV.INFO.customer', {}],
    ['$SRV.STATS', {}],
  ]
  for (const reply of replies)
    for (const [subject, body] of requests) nc.publish(subject, JSON.stringify(body), { reply })
  await nc.flush()
  const refused = async (): Promise<number> => {
    const text = await (await fetch(dev.health_url.replace('healthz', 'metrics'))).text()
    const counts = [...text.matchAll(/^jetledger_refused_replies_total\{.*\} (\d+)$/gm)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const sent = replies.length * requests.length
  await until(async () => (await refused()) === sent, { deadline_ms: 30_000, what: `${sent} refusals` })
  expect(await lastSeq()).toBe(before)
  expect(await ask('customer.balance', { client_id: 'nobody-to-be', consistency: 'strong' })).toEqual({
    balance: 0,
  })
  expect(await written()).toEqual(revisions)
  await verified()
})

it('the same ledger starts again and answers', async () => {
  await dev.end('SIGINT')
  dev = await bench.dev()
  nc = await bench.connect(dev.nats_url)
  expect(await ask('customer.balance', { client_id: 'odd-0' })).toEqual({ balance: 6 })
  await verified()
})
