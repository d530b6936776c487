/** A ledger that seals texts: every command and event, their retries, and what is stored of them. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClientId } from '../src/ledger/client-id.js'
import { eraseKey, readFromLeader } from '../src/sealing/key-records.js'
import { createOpenTexts, type OpenTexts } from '../src/sealing/open-texts.js'
import { createPersonKeys } from '../src/sealing/person-keys.js'
import { createSealer, type Sealer } from '../src/sealing/seal-command.js'
import { applySettings } from '../src/stream/provision.js'
import { LEDGER_STREAM, PERSON_KEY_STREAM } from '../src/stream/settings.js'
import { right, startTestLedger, type TestLedger } from './support/ledger.js'
import { type ServedCommands, startServedCommands } from './support/served-commands.js'
import { until } from './support/servers.js'

/** It stands in every text, and may be found nowhere. */
const SECRET = 'Mrs-Secretname'
const ERASURE = { at: '2026-11-28T10:00:00.000Z', by: 'dpo', reason: 'request 51' }

let ledger: TestLedger
let commands: ServedCommands
let sealer: Sealer
let open: OpenTexts

beforeAll(async () => {
  ledger = await startTestLedger()
  await right(applySettings(ledger.nc, { replicas: 1, has_person_keys: true }))
  ledger.project()
  sealer = createSealer(createPersonKeys(ledger))
  open = createOpenTexts(ledger)
  commands = await startServedCommands(ledger, sealer)
})
afterAll(async () => {
  await commands.stop()
  await ledger.stop()
})

type Answer = Readonly<Record<string, unknown>>
const ask = async (command: string, body: object): Promise<Answer> =>
  (await ledger.nc.request(`customer.${command}`, JSON.stringify(body), { timeout: 10_000 })).json<Answer>()

type Stored = { readonly reference?: string; readonly metadata?: Record<string, unknown> }
/** The newest event of a customer as it is stored. */
const newest = async (customer: string): Promise<Stored> => {
  const found = await ledger.jsm.streams.getMessage(LEDGER_STREAM, {
    last_by_subj: `customer.balance.${customer}`,
  })
  return found?.json<Stored>() ?? {}
}

/** Everything that the streams hold, as text. */
const everything = async (): Promise<string> => {
  const texts: string[] = []
  for await (const { config, state } of ledger.jsm.streams.list()) {
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1)
      texts.push((await ledger.jsm.streams.getMessage(config.name, { seq }))?.string() ?? '')
  }
  return texts.join('\n')
}

const erase = async (customer: string): Promise<void> => {
  expect(await right(eraseKey(ledger, customer as ClientId, ERASURE))).toMatchObject({ outcome: 'erased' })
  const keys = createPersonKeys(ledger)
  await until(async () => (await keys.find(customer as ClientId)) === undefined, {
    deadline_ms: 5_000,
    what: 'the key to be gone',
  })
}

const TEXTS = { reference: `${SECRET} order 1`, metadata: { name: SECRET, list: [1, { a: SECRET }] } }

describe('the texts of what is written', () => {
  it.each([
    ['credit', { client_id: 'c1', amount: 10_000 }, 'c1'],
    ['debit', { client_id: 'c1', amount: 7 }, 'c1'],
    ['debit', { client_id: 'c1', amount: 1_000_000 }, 'c1'],
    ['transfer', { from: 'c1', to: 'c2', amount: 30 }, 'c2'],
    ['hold', { client_id: 'c1', amount: 200, transaction_id: 'h-1', expires_in: 600 }, 'c1'],
    ['capture', { client_id: 'c1', hold: 'h-1', amount: 5, final: false }, 'c1'],
    ['release', { client_id: 'c1', hold: 'h-1', amount: 1 }, 'c1'],
    ['limit', { client_id: 'c1', limit: 40 }, 'c1'],
    ['restrict', { client_id: 'c3', state: 'frozen', reason: 'a dispute' }, 'c3'],
    ['event.c2', { type: 'credit', amount: 5 }, 'c2'],
    ['event.c2', { type: 'credit', amount: 5, transaction_id: 'e-1' }, 'c2'],
  ])('of %s %j are sealed', async (command, body, customer) => {
    await ask(command, { ...body, ...TEXTS })
    const stored = await newest(customer)
    expect(JSON.stringify(stored)).not.toContain(SECRET)
    expect(stored.reference).toBeUndefined()
    expect(Object.keys(stored.metadata ?? {})).toEqual(['sealed'])
    expect(await open(stored)).toEqual(TEXTS)
  })

  it('of a batch are sealed, of all together and of each', async () => {
    const each = (n: number) => ({ type: 'credit', client_id: `b${n}`, amount: n + 1, ...TEXTS })
    for (const mode of ['all', 'each']) {
      const reply = await ask('batch', { mode, commands: Array.from({ length: 40 }, (_, n) => each(n)) })
      expect(JSON.stringify(reply)).toContain('"b39"')
      expect(await open(await newest('b39'))).toEqual(TEXTS)
    }
  })

  it('of a reversal are sealed, and its retry is known', async () => {
    await ask('credit', { client_id: 'r1', amount: 100, transaction_id: 'r-1' })
    const reversal = { transaction_id: 'r-1', reversal_id: 'r-2', amount: 10, ...TEXTS }
    const first = await ask('reverse', reversal)
    expect(await open(await newest('r1'))).toEqual(TEXTS)
    expect(await ask('reverse', reversal)).toEqual({ ...first, replayed: true })
    expect(await ask('reverse', { ...reversal, reference: 'other' })).toMatchObject({
      error: { code: 'TRANSACTION_ID_REUSED', field: 'reference' },
    })
  })

  it('are nowhere in the streams, and a command without any is stored as always', async () => {
    await ask('credit', { client_id: 'plain', amount: 1 })
    expect((await newest('plain')).metadata).toBeUndefined()
    expect(await everything()).not.toContain(SECRET)
  })
})

describe('a retry', () => {
  const body = { client_id: 'again', amount: 10, transaction_id: 'a-1', ...TEXTS }

  it('of the same command has its answer, and one with another text is another command', async () => {
    const first = await ask('credit', body)
    const same = { ...body, metadata: { list: [1, { a: SECRET }], name: SECRET } }
    expect(await ask('credit', same)).toEqual({ ...first, replayed: true })
    const refused = (field: string) => ({ error: { code: 'TRANSACTION_ID_REUSED', field } })
    expect(await ask('credit', { ...body, reference: 'x' })).toMatchObject(refused('reference'))
    expect(await ask('credit', { ...body, metadata: { name: 'x' } })).toMatchObject(refused('metadata'))
    expect(await ask('credit', { ...body, reference: undefined })).toMatchObject(refused('reference'))
    expect(await ask('credit', { ...body, metadata: undefined, reference: undefined })).toMatchObject(
      refused('reference'),
    )
    expect(await ask('credit', { ...body, amount: 11 })).toMatchObject(refused('amount'))
  })

  it('of a transfer and of an event is known', async () => {
    const transfer = { from: 'again', to: 'other', amount: 3, transaction_id: 'a-2', ...TEXTS }
    const first = await ask('transfer', transfer)
    expect(await ask('transfer', transfer)).toEqual({ ...first, replayed: true })
    const event = { type: 'credit', amount: 3, transaction_id: 'a-3', ...TEXTS }
    const stored = await ask('event.again', event)
    expect(await ask('event.again', event)).toEqual({ ...stored, duplicate: true })
    expect(JSON.stringify(await ask('event.again', { ...event, reference: 'x' }))).toContain(
      'field: reference',
    )
  })

  it('after an erasure still has its answer, and pays nothing twice', async () => {
    await erase('again')
    const { balance } = await ask('credit', { client_id: 'again', amount: 1 })
    expect(await ask('credit', body)).toMatchObject({ replayed: true, balance: 10 })
    expect(await ask('credit', { ...body, reference: 'no longer comparable' })).toMatchObject({
      replayed: true,
    })
    expect(await ask('credit', { ...body, amount: 11 })).toMatchObject({
      error: { code: 'TRANSACTION_ID_REUSED', field: 'amount' },
    })
    expect(await ask('credit', { client_id: 'again', amount: 1 })).toMatchObject({
      balance: Number(balance) + 1,
    })
  })

  it('of what was stored in clear before is known', async () => {
    await ledger.emit('before', { type: 'credit', amount: 5, transaction_id: 'before-1', ...TEXTS })
    await ledger.caughtUp()
    const command = { client_id: 'before', amount: 5, transaction_id: 'before-1', ...TEXTS }
    expect(await ask('credit', command)).toMatchObject({ replayed: true, balance: 5 })
  })
})

describe('an erasure', () => {
  it('of one side of a transfer makes the texts unreadable on both', async () => {
    await ask('credit', { client_id: 'side1', amount: 100 })
    await ask('transfer', { from: 'side1', to: 'side2', amount: 1, ...TEXTS })
    expect(await open(await newest('side1'))).toEqual(TEXTS)
    await erase('side2')
    const opener = createOpenTexts(ledger)
    expect(await opener(await newest('side1'))).toEqual({ erased: true })
    expect(await opener(await newest('side2'))).toEqual({ erased: true })
  })

  it('leaves what is written later readable, under a new key', async () => {
    await ask('credit', { client_id: 'later', amount: 1, ...TEXTS })
    const old = await newest('later')
    await erase('later')
    await ask('credit', { client_id: 'later', amount: 1, ...TEXTS })
    const opener = createOpenTexts(ledger)
    expect(await opener(old)).toEqual({ erased: true })
    expect(await opener(await newest('later'))).toEqual(TEXTS)
  })
})

describe('what only looks sealed', () => {
  it.each([
    ['a key of nobody', { sealed: { keys: ['.x'], reference: 'AAAA' } }],
    ['a key without a dot', { sealed: { keys: ['again'], reference: 'AAAA' } }],
    ['a subject for a name', { sealed: { keys: ['$KV.>.x'], reference: 'AAAA' } }],
    ['more than the sealed texts', { sealed: { keys: ['again.x'], reference: 'AAAA' }, a: 1 }],
  ])('is shown as it is: %s', async (_, metadata) => {
    expect(await open({ metadata })).toEqual({ metadata })
  })

  it('is sealed like any other metadata', async () => {
    const metadata = { sealed: { keys: ['again.x'], reference: 'AAAA' } }
    await ask('credit', { client_id: 'looks', amount: 1, metadata })
    expect(await open(await newest('looks'))).toEqual({ metadata })
  })

  it('and has a real key but other bytes is shown as it is', async () => {
    const { key } = await right(readFromLeader(ledger, 'looks' as ClientId))
    const metadata = { sealed: { keys: [key?.name], reference: Buffer.alloc(64).toString('base64') } }
    expect(await open({ metadata })).toEqual({ metadata })
  })
})

describe('a dry run', () => {
  it('makes no key, and knows what is stored', async () => {
    const body = { client_id: 'dry', amount: 1, dry_run: true, ...TEXTS }
    expect(await ask('credit', body)).toMatchObject({ dry_run: true })
    expect((await right(readFromLeader(ledger, 'dry' as ClientId))).revision).toBe(0)
    const stored = { client_id: 'looks', amount: 1, transaction_id: 'dry-1', ...TEXTS }
    await ask('credit', stored)
    expect(await ask('credit', { ...stored, dry_run: true })).toMatchObject({ replayed: true })
    expect(await ask('credit', { ...stored, reference: 'x', dry_run: true })).toMatchObject({
      error: { code: 'TRANSACTION_ID_REUSED', field: 'reference' },
    })
  })
})

describe('while the keys cannot be read', () => {
  it('nothing with a text is stored in clear, all else goes on, and sealed texts stay sealed', async () => {
    const before = await newest('looks')
    await ledger.jsm.streams.delete(PERSON_KEY_STREAM)
    const [one, event] = await Promise.all([
      ask('credit', { client_id: 'new', amount: 1, transaction_id: 'n-1', ...TEXTS }),
      ask('event.new', { type: 'credit', amount: 1, ...TEXTS }),
    ])
    expect(one).toMatchObject({ error: { code: 'UNAVAILABLE', transaction_id: 'n-1' } })
    expect(JSON.stringify(event)).toContain('UNAVAILABLE')
    const batch = { commands: [{ type: 'credit', client_id: 'new', amount: 1, ...TEXTS }] }
    for (const mode of ['all', 'each'])
      expect(JSON.stringify(await ask('batch', { mode, ...batch }))).toContain('UNAVAILABLE')
    expect(await newest('new')).toEqual({})
    expect(await ask('credit', { client_id: 'new', amount: 1 })).toMatchObject({ balance: 1 })
    expect(await createOpenTexts(ledger)(before)).toEqual(before)

    // an empty bucket in its place: what is lost is not said to be erased, and work goes on under new keys
    await right(applySettings(ledger.nc, { replicas: 1, has_person_keys: true }))
    expect(await createOpenTexts(ledger)(before)).toEqual(before)
    expect(await ask('credit', { client_id: 'new', amount: 1, ...TEXTS })).toMatchObject({ balance: 2 })
    expect(await createOpenTexts(ledger)(await newest('new'))).toEqual(TEXTS)
  })
})
