/** Dry runs of every command: each says what the command then does, and stores nothing. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lastSeq } from '../../../test/support/coordinators.js'
import { startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { type ServedCommands, startServedCommands } from '../../../test/support/served-commands.js'
import { until } from '../../../test/support/servers.js'
import { metrics } from '../../metrics.js'

let ledger: TestLedger
let commands: ServedCommands

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
  commands = await startServedCommands(ledger)
})
afterAll(async () => {
  await commands.stop()
  await ledger.stop()
})

type Answer = Readonly<Record<string, unknown>>
const ask = async (command: string, body: object): Promise<Answer> =>
  (await ledger.nc.request(`customer.${command}`, JSON.stringify(body), { timeout: 10_000 })).json<Answer>()

/** An answer without what only a stored event has. */
const bare = (answer: unknown): unknown =>
  JSON.parse(
    JSON.stringify(answer, (name, value: unknown) =>
      ['seq', 'expires_at', 'transaction_id', 'reversal_id', 'dry_run'].includes(name) ? undefined : value,
    ),
  )

/** The commands that the metrics of this process have counted. */
const counted = async (): Promise<readonly string[]> =>
  (await metrics.text()).split('\n').filter(line => /^jetledger_(command|transaction|forwarded)/.test(line))

/** Every command on accounts that know each of them. */
const COMMANDS: readonly (readonly [type: string, body: Answer])[] = [
  ['credit', { client_id: 'ann', amount: 10, transaction_id: 'ann-1' }],
  ['debit', { client_id: 'ann', amount: 7, transaction_id: 'ann-2' }],
  ['debit', { client_id: 'ann', amount: 7_000, transaction_id: 'ann-3' }],
  ['transfer', { from: 'ann', to: 'bob', amount: 30, transaction_id: 'ann-4' }],
  ['hold', { client_id: 'ann', amount: 20, transaction_id: 'ann-5', expires_in: 600 }],
  ['capture', { client_id: 'ann', hold: 'ann-5', amount: 5, final: false, to: 'bob' }],
  ['release', { client_id: 'ann', hold: 'ann-5', amount: 1 }],
  ['limit', { client_id: 'ann', limit: 40 }],
  ['reverse', { transaction_id: 'ann-4', amount: 4 }],
  ['reverse', { transaction_id: 'ann-4', reversal_id: 'ann-s', amount: 27 }],
  ['reverse', { transaction_id: 'ann-4', reversal_id: 'ann-r', amount: 26 }],
  ['reverse', { transaction_id: 'ann-4', reversal_id: 'ann-r', amount: 26 }],
  ['reverse', { transaction_id: 'ann-4' }],
  ['reverse', { transaction_id: 'nobody' }],
  ['restrict', { client_id: 'ann', state: 'frozen', reason: 'a dispute' }],
  ['credit', { client_id: 'ann', amount: 1, transaction_id: 'ann-6' }],
  ['credit', { client_id: 'ann', amount: 10, transaction_id: 'ann-1' }],
  ['credit', { client_id: 'ann', amount: 11, transaction_id: 'ann-1' }],
]

describe('a dry run', () => {
  it('says what each command then does, and stores nothing: no event, no refusal, no id', async () => {
    await ask('credit', { client_id: 'ann', amount: 100 })
    for (const [type, body] of COMMANDS) {
      const [end, before] = [await lastSeq(ledger.jsm), await counted()]
      const said = await ask(type, { ...body, dry_run: true })
      expect(await ask(type, { ...body, dry_run: true }), type).toMatchObject(bare(said) as object)
      expect([await lastSeq(ledger.jsm), await counted()], type).toEqual([end, before])
      expect(said.dry_run ?? (said.error as Answer).dry_run, type).toBe(true)
      const done = await ask(type, { ...body, dry_run: false })
      expect(bare(said), `${type} ${JSON.stringify(body)}`).toEqual(bare(done))
    }
  })

  it('sees what another instance has just stored', async () => {
    await ask('credit', { client_id: 'other', amount: 5 })
    await ledger.emit('other', { type: 'credit', amount: 50 })
    expect(await ask('debit', { client_id: 'other', amount: 55, dry_run: true })).toMatchObject({
      balance: 0,
      dry_run: true,
    })
  })

  it.each(['each', 'all'])('of a batch of the mode %s has a result for each command', async mode => {
    const id = `batch-${mode}`
    await ask('credit', { client_id: id, amount: 10, transaction_id: id })
    const commands = [
      { type: 'credit', client_id: id, amount: 5 },
      { type: 'debit', client_id: id, amount: 3 },
      { type: 'reverse', transaction_id: id, amount: 6 },
      { type: 'reverse', transaction_id: id },
      { type: 'transfer', from: id, to: `${id}-2`, amount: 2 },
    ]
    const end = await lastSeq(ledger.jsm)
    const said = await ask('batch', { mode, commands, dry_run: true })
    expect(said).toMatchObject({
      dry_run: true,
      results: [
        { balance: 15 },
        { balance: 12 },
        { balance: 6, amount: 6, transaction_id: `${id}:reversal:1` },
        { balance: 2, amount: 4, transaction_id: `${id}:reversal:2` },
        { from: { balance: 0 }, to: { balance: 2 } },
      ],
    })
    expect(await lastSeq(ledger.jsm)).toBe(end)
    expect(bare(await ask('batch', { mode, commands }))).toEqual(bare(said))
  })

  it('of a batch that would be refused says which command refuses it', async () => {
    const batch = (mode: string) => ({
      ...{ mode, dry_run: true },
      commands: [
        { type: 'credit', client_id: 'few', amount: 5 },
        { type: 'debit', client_id: 'few', amount: 6 },
        { type: 'hold', client_id: 'few', amount: 5 },
        { type: 'gift', client_id: 'few' },
      ],
    })
    expect(await ask('batch', batch('each'))).toMatchObject({
      results: [
        { balance: 5 },
        { error: { code: 'INSUFFICIENT_FUNDS' } },
        { balance: 5, held: 5, available: 0 },
        { error: { code: 'INVALID_REQUEST' } },
      ],
    })
    const { commands } = batch('all')
    expect(await ask('batch', { ...batch('all'), commands: commands.slice(0, 3) })).toMatchObject({
      error: { code: 'INSUFFICIENT_FUNDS', index: 1, balance: 5, dry_run: true },
    })
  })

  it.each([
    ['credit', { client_id: 'a', amount: 1, dry_run: 'yes' }],
    ['batch', { mode: 'each', commands: [{ type: 'credit', client_id: 'a', amount: 1 }], dry_run: 1 }],
  ])('is asked for with true or false: %s', async (type, body) => {
    expect(await ask(type, body)).toMatchObject({
      error: { code: 'INVALID_REQUEST', message: 'dry_run: must be true or false' },
    })
  })

  it('of a customer that is parked is as certain as the command itself', async () => {
    await ledger.emit('parked', { schema: 99, type: 'unknown' })
    const credit = { client_id: 'parked', amount: 1 }
    const real = await until(
      async () => {
        const answer = await ask('credit', credit)
        return 'error' in answer && answer
      },
      { deadline_ms: 5_000, what: 'the refusal' },
    )
    expect(real).toMatchObject({ error: { code: 'UNAVAILABLE' } })
    expect(await ask('credit', { ...credit, dry_run: true })).toMatchObject({
      error: { code: 'UNAVAILABLE', dry_run: true },
    })
  })
})
