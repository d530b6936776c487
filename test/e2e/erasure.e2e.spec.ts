/** A ledger that seals texts, as its users see it: whoever is erased can be read nowhere, and everything still verifies. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const SECRET = 'Mrs-Secretname'

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return filesIn(path)
    return statSync(path).isFile() ? [path] : []
  })

/** The files of the ledger, its streams, tables and logs, that hold a text. */
const filesWith = (text: string): readonly string[] =>
  filesIn(join(bench.folder, '.jetledger')).filter(path => readFileSync(path).includes(text))

/** The key of a person as text, read by the operator's connection. */
const keyOf = async (dev: Dev, person: string): Promise<string> => {
  const jsm = await jetstreamManager(await bench.connect(dev.nats_url))
  const found = await jsm.streams.getMessage('KV_customer-keys', {
    last_by_subj: `$KV.customer-keys.${person}`,
  })
  return found?.json<{ readonly key: string }>().key ?? ''
}

const answer = async (subject: string, body: object): Promise<string> =>
  (await bench.run(['request', subject, JSON.stringify(body)])).stdout

it('an erased customer is unreadable everywhere, nobody else is, and every check agrees', async () => {
  const key = (await bench.run(['heads', 'key', 'head.seed'])).stdout.trim()
  const seed = join(bench.folder, 'head.seed')
  const env = {
    JETLEDGER_TEXTS: 'sealed',
    JETLEDGER_HEAD_SEED_FILE: seed,
    LOG_LEVEL: 'debug',
    JETLEDGER_AUDIT: 'all',
  }
  const dev = await bench.devWith(env)

  for (const args of [
    ['credit', '678', '100', '--reference', `${SECRET} 1`, '--transaction-id', 't-1'],
    ['transfer', '678', '679', '30', '--reference', `${SECRET} 2`],
    ['credit', '679', '5', '--reference', `${SECRET} 3`],
    ['hold', '678', '10', '--reference', `${SECRET} 4`],
    ['debit', '678', '99999999', '--reference', `${SECRET} 5`],
  ])
    expect((await bench.run(args)).stdout).not.toBe('')
  const said = await answer('customer.statement', { client_id: '678' })
  for (const n of [1, 2, 4, 5]) expect(said).toContain(`${SECRET} ${n}`)
  const exported = await bench.run(['export', 'statement', '678'])
  expect([exported.stdout.includes(`${SECRET} 1`), exported.stderr.includes('stay sealed')]).toEqual([
    true,
    false,
  ])
  expect((await bench.run(['export', 'events', '--from-seq', '1001'])).stdout).not.toContain(SECRET)
  expect(filesWith(SECRET)).toEqual([])
  expect(dev.stdout() + dev.stderr()).not.toContain(SECRET)

  const secret_key = await keyOf(dev, '678')
  expect(filesWith(secret_key).length).toBeGreaterThan(0)
  const counted = await bench.run(['erase', '678', '--reason', 'request 51', '--dry-run'])
  expect([counted.code, counted.stdout]).toEqual([
    0,
    'customer 678: texts of 4 events are sealed and can be read\n',
  ])
  const unasked = await bench.run(['erase', '678', '--reason', 'request 51'])
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('say --yes')])
  const erased = await bench.run(['erase', '678', '--reason', 'request 51', '--by', 'dpo', '--yes'])
  expect([erased.code, erased.stdout]).toEqual([0, expect.stringContaining('the key of 678 is destroyed')])
  expect(filesWith(secret_key)).toEqual([])

  await until(async () => !(await answer('customer.statement', { client_id: '678' })).includes(SECRET), {
    deadline_ms: 5_000,
    what: 'the instance to hear of the erasure',
  })
  expect(await answer('customer.statement', { client_id: '678' })).toContain('"erased":true')
  expect((await bench.run(['export', 'statement', '678'])).stdout).not.toContain(SECRET)
  expect(await answer('customer.events', { after_seq: 1_000 })).not.toMatch(`${SECRET} [1245]`)
  // of the transfer nothing is left on the other side; its own texts are
  const other = await answer('customer.statement', { client_id: '679' })
  expect(other).toContain(`${SECRET} 3`)
  expect(other).not.toContain(`${SECRET} 2`)

  const again = await bench.run([
    'credit',
    '678',
    '100',
    '--reference',
    `${SECRET} 1`,
    '--transaction-id',
    't-1',
  ])
  expect(again.stdout).toContain('"replayed":true')
  expect((await bench.run(['verify'])).code).toBe(0)
  const jsm = await jetstreamManager(await bench.connect(dev.nats_url))
  await until(async () => (await jsm.streams.info('customer-signed-heads')).state.messages > 0, {
    deadline_ms: 30_000,
    what: 'a head',
  })
  expect((await bench.run(['verify', '--chain', '--key', key])).code).toBe(0)
  // what a backup of the stopped servers would hold, and all logs
  await dev.end('SIGINT')
  expect([...filesWith(SECRET), ...filesWith(secret_key)]).toEqual([])
  expect(dev.stdout() + dev.stderr()).not.toContain(SECRET)
})

it('what was written in clear before is counted, and an erasure says that it stays', async () => {
  const dev = await bench.dev()
  await bench.run(['credit', '678', '100', '--reference', `${SECRET} 1`])
  await dev.end('SIGINT')
  await bench.devWith({ JETLEDGER_TEXTS: 'sealed' })
  await bench.run(['credit', '678', '100', '--reference', `${SECRET} 2`])
  const erased = await bench.run(['erase', '678', '--reason', 'request 51', '--yes', '--json'])
  expect(JSON.parse(erased.stdout)).toMatchObject({
    client_id: '678',
    sealed: 1,
    clear: 2,
    outcome: 'erased',
  })
  expect([erased.code, erased.stderr]).toEqual([1, expect.stringContaining('2 events have texts in clear')])
  const said = await answer('customer.statement', { client_id: '678' })
  expect([said.includes(`${SECRET} 1`), said.includes('"erased":true')]).toEqual([true, true])
})
