/**
 * The built program with rows of savepoints only: what it answers is the same as with rows of every event, before and after a
 * replay from one to the other, also when it is killed in between.
 */

import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'

type Answer = Readonly<Record<string, unknown>>

const SAVEPOINTS = { JETLEDGER_JOURNAL: 'savepoints' }
const CREDITS = 200

let bench: Workbench
let dev: Dev
let nc: NatsConnection

const begin = async (env: Readonly<Record<string, string>>): Promise<void> => {
  dev = await bench.devWith(env, '--no-seed')
  nc = await bench.connect(dev.nats_url)
}

beforeAll(async () => {
  bench = openWorkbench()
  await begin(SAVEPOINTS)
})
afterAll(() => bench.end())

const ask = async (name: string, body: object): Promise<Answer> =>
  (await nc.request(`customer.${name}`, JSON.stringify(body), { timeout: 10_000 })).json<Answer>()

const run = async (args: readonly string[], env = {}): Promise<string> => {
  const { code, stdout, stderr } = await bench.run(args, env)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

const pages = async (): Promise<readonly unknown[]> => {
  const entries: unknown[] = []
  for (let cursor: unknown; ; ) {
    const page = await ask('statement', { client_id: 'ann', limit: 70, ...(cursor ? { cursor } : {}) })
    entries.push(...(page.entries as unknown[]))
    cursor = page.cursor
    if (cursor === undefined) return entries
  }
}

/** Everything that is told of the past. */
const told = async (): Promise<unknown> => ({
  statement: await pages(),
  past: await Promise.all(
    [1, 64, 65, 130, 199].map(as_of_seq => ask('balance', { client_id: 'ann', as_of_seq })),
  ),
  fates: await Promise.all(
    ['c-1', 'c-64', 'c-150', 'too-much', 'never'].map(id => ask('transaction', { transaction_id: id })),
  ),
  explained: await Promise.all(
    ['c-64', 'c-65', 'h-1', 'too-much'].map(id => ask('explain', { transaction_id: id })),
  ),
  ended: await ask('release', { client_id: 'ann', hold: 'h-1', transaction_id: 'again', dry_run: true }),
})

it('says the same with rows of savepoints, after being killed, and with rows of every event', async () => {
  const commands = Array.from({ length: CREDITS }, (_, i) => ({
    ...{ type: 'credit', client_id: 'ann', amount: i + 1, transaction_id: `c-${i + 1}` },
  }))
  await ask('batch', { mode: 'all', commands })
  await ask('debit', { client_id: 'ann', amount: 1_000_000, transaction_id: 'too-much' })
  await ask('hold', { client_id: 'ann', amount: 5, transaction_id: 'h-1' })
  await ask('capture', { client_id: 'ann', hold: 'h-1', transaction_id: 'cap-1' })
  expect(await run(['verify'])).toMatch(/ 4 rows of the journal, which has savepoints only/)
  expect(await run(['status'])).toContain('rows          of savepoints only')
  const first = await told()
  expect(first).toMatchObject({
    statement: { length: CREDITS + 3 },
    fates: [
      { status: 'committed' },
      { status: 'committed', reply: { balance: (64 * 65) / 2, version: 64 } },
      { status: 'committed' },
      { status: 'declined' },
      { status: 'unknown' },
    ],
    ended: { error: { code: 'HOLD_NOT_OPEN', hold_was: 'captured', ended_by: 'cap-1' } },
  })

  await dev.end('SIGKILL')
  // another kind is configured: the table goes on as it was begun
  await begin({})
  expect(await told()).toEqual(first)
  expect(await ask('credit', { client_id: 'ann', amount: 150, transaction_id: 'c-150' })).toMatchObject({
    replayed: true,
    version: 150,
  })

  expect(await run(['replay'])).toContain(`${CREDITS + 3} rows`)
  expect(await told()).toEqual(first)
  expect(await run(['verify'])).toContain(`${CREDITS + 3} rows of the journal`)
  expect(await run(['replay'], SAVEPOINTS)).toContain('4 rows')
  expect(await told()).toEqual(first)
})
