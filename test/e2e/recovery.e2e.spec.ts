/** The stream of a running ledger is deleted, and an operator decides how to go on. */

import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const WITHIN_MS = 40_000
const STREAM = 'customer-balances'

let bench: Workbench
let dev: Dev
let nc: NatsConnection
beforeAll(async () => {
  bench = openWorkbench()
  dev = await bench.dev('--no-seed')
  nc = await bench.connect(dev.nats_url)
})
afterAll(() => bench.end())

type LedgerReply = {
  readonly balance?: number
  readonly error?: { readonly code: string; readonly reason?: string }
}
const ask = async (subject: string, body: object): Promise<LedgerReply> =>
  (await nc.request(subject, JSON.stringify(body), { timeout: 5_000 })).json<LedgerReply>()
const credit = (transaction_id: string): Promise<LedgerReply> =>
  ask('customer.credit', { client_id: '7', amount: 100, transaction_id })
const balance = (): Promise<LedgerReply> => ask('customer.balance', { client_id: '7' })
const ready = async () => {
  const response = await fetch(dev.health_url.replace('/healthz', '/readyz'))
  return { status: response.status, text: await response.text() }
}
const untilAnswer = (
  question: () => Promise<LedgerReply>,
  fits: (answer: LedgerReply) => boolean,
  what: string,
) => until(async () => fits(await question().catch(() => ({}))), { deadline_ms: WITHIN_MS, what })

it('a stream that is deleted stops the ledger: nothing is stored or answered, and everything says why', async () => {
  expect(await credit('before')).toMatchObject({ balance: 100 })
  await untilAnswer(balance, answer => answer.balance === 100, 'the balance')
  // events that are only in the stream would be lost without a trace, so the test waits until the table has them
  await until(async () => (await ready()).text.includes('"projection ledger":{"state":"ok","detail":""}'), {
    deadline_ms: WITHIN_MS,
    what: 'the projection to have caught up',
  })
  const jsm = await jetstreamManager(nc)
  await jsm.streams.delete(STREAM)
  await untilAnswer(balance, ({ error }) => error?.reason?.includes('is gone') === true, 'the reason')
  expect((await credit('meanwhile')).error).toMatchObject({ code: 'UNAVAILABLE' })
  expect(await ready()).toMatchObject({ status: 503, text: expect.stringContaining('is gone') })
  await expect(jsm.streams.info(STREAM)).rejects.toThrow('stream not found')
  for (const [args, code] of [
    [['recover'], 1],
    [['verify'], 2],
    [['seed'], 1],
    [['stream', 'apply'], 1],
    [['status'], 1],
    [['replay', 'ledger'], 1],
  ] as const) {
    const ended = await bench.run(args)
    expect({ args, code: ended.code }).toEqual({ args, code })
    expect(ended.stdout + ended.stderr).toContain('is gone')
  }
  await expect(jsm.streams.info(STREAM)).rejects.toThrow('stream not found')
})

it('after it was accepted that it is gone, what is lost is listed, no id of it is known, and the ledger goes on', async () => {
  // only the addresses are given: the number of replicas comes from the data that is left beside the stream
  const env = {
    NATS_URL: dev.nats_url,
    AWS_ENDPOINT_URL_DYNAMODB: dev.dynamodb_endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  }
  expect((await bench.run(['recover'], env)).stdout).not.toContain('differs')
  const accept = ['recover', '--accept-stream', '--yes', '--out', 'lost.jsonl']
  const { code, stdout, stderr } = await bench.run(accept, env)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('"id":"before"')
  await untilAnswer(balance, answer => answer.balance === 0, 'the ledger to go on')
  const again = await credit('before')
  expect(again).toMatchObject({ balance: 100 })
  expect(again).not.toHaveProperty('replayed')
  const verified = await bench.run(['verify'])
  expect({ code: verified.code, text: verified.code === 0 ? '' : verified.stdout }).toEqual({
    code: 0,
    text: '',
  })
  expect((await ready()).status).toBe(200)
})

it("status without the dead letters' stream does not say that there is no ledger", async () => {
  await (await jetstreamManager(nc)).streams.delete('customer-dead-letters')
  const { stdout, stderr } = await bench.run(['status'])
  expect(stdout + stderr).not.toContain('there is no ledger')
})
