/** Hostile requests to the query endpoints: each gets the documented answer, and none gets a 500. */

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { t } from '../fp.js'
import { errorOf } from '../service/testing/harness.js'
import { cursorOf } from './endpoints/cursor.js'
import { type Rig, startRig } from './testing/rig.js'

const SEED = 5_512
const RUNS = 600

let rig: Rig
/** A cursor of the second page of each endpoint, as the endpoint gave it. */
const cursors: Record<string, string> = {}

const PAGED = [
  ['customer.statement', { client_id: 'a' }],
  ['customer.list', {}],
  ['customer.ranking', {}],
] as const

const cursorIn = async (subject: string, request: object): Promise<string> => {
  const reply = await rig.ask(subject, { ...request, limit: 1 })
  return reply.json<{ cursor?: string }>().cursor ?? `${subject} gave no cursor: ${reply.string()}`
}

beforeAll(async () => {
  rig = await startRig()
  for (const id of ['a', 'b', 'c']) {
    for (let i = 1; i <= 3; i += 1) await rig.emit(id, { type: 'credit', amount: i })
  }
  rig.project()
  await rig.caughtUp()
  for (const [subject, request] of PAGED) cursors[subject] = await cursorIn(subject, request)
})

afterAll(() => rig.stop())

const refusal = async (subject: string, request: unknown): Promise<[string, string]> => {
  const reply = await rig.ask(subject, request)
  return [errorOf(reply), reply.string()]
}

describe('a field that is not known', () => {
  it.each([
    ['customer.statement', '{"client_id":"a","limt":1}', 'limt: is no field of this request'],
    ['customer.statement', '{"client_id":"a","__proto__":{"limit":60000}}', '__proto__: is no field'],
    ['customer.statement', '{"client_id":"a","limit":1,"limit":2}', 'limit: is there twice'],
    ['customer.list', '{"constructor":{"limit":60000}}', 'constructor: is no field'],
    ['customer.list', '{"client_id":"a"}', 'client_id: is no field'],
    ['customer.ranking', '{"prototype":1}', 'prototype: is no field'],
    ['customer.ranking', '{"limit":0.99999999999999999999}', 'limit: 0.99999999999999999999 cannot'],
    ['customer.summary', '{"fron":"2026-01-01"}', 'fron: is no field'],
    ['customer.summary', '[{"from":"2026-01-01"}]', 'must be a JSON object'],
  ])('%s refuses %s and names it', async (subject, body, text) => {
    expect(await refusal(subject, body)).toEqual(['400:INVALID_REQUEST', expect.stringContaining(text)])
  })

  it.each<[string, string]>([
    ['{"client_id":"a","min_verison":9}', 'min_verison'],
    ['{"client_id":"a","x\\r\\nNats-Service-Error: forged":1}', 'x??Nats-Service-Error:?forged'],
    ['{"client_id":"a","a, b\\u0000\\ud800é":1}', 'a??b???'],
    ['{"client_id":"a","__proto__":{"client_id":"b"}}', '__proto__'],
    [`{"client_id":"a","${'x'.repeat(100_000)}":1}`, `${'x'.repeat(64)}...`],
    [
      `{"client_id":"a",${Array.from({ length: 500 }, (_, i) => `"f${i}":1`).join()}}`,
      'f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, ...',
    ],
  ])('customer.balance answers %.60s as ever, and names it in a header', async (body, named) => {
    const reply = await rig.ask('customer.balance', body)
    expect([reply.string(), reply.headers?.get('Ledger-Ignored')]).toEqual(['{"balance":6}', named])
    const next = await rig.ask('customer.balance', { client_id: 'a' })
    expect([next.string(), next.headers?.has('Ledger-Ignored')]).toEqual(['{"balance":6}', false])
  })
})

describe('a cursor', () => {
  /** A cursor with a checksum that is right, as any reader of the code can make it. */
  const forged = (
    endpoint: string,
    content: unknown,
    filters: readonly (string | undefined)[] = [],
  ): string => cursorOf(endpoint, t.unknown).write(content, filters)

  it('of one endpoint, customer or time is refused with another', async () => {
    const from = '2026-01-01T00:00:00Z'
    const since = await cursorIn('customer.statement', { client_id: 'a', from })
    const plain = cursors['customer.statement']
    const answers = [
      await refusal('customer.list', { cursor: cursors['customer.ranking'] }),
      await refusal('customer.ranking', { cursor: cursors['customer.list'] }),
      await refusal('customer.list', { cursor: plain }),
      await refusal('customer.statement', { client_id: 'a', cursor: cursors['customer.list'] }),
      await refusal('customer.statement', { client_id: 'b', cursor: plain }),
      await refusal('customer.statement', { client_id: 'a', from, cursor: plain }),
      await refusal('customer.statement', { client_id: 'a', to: from, cursor: plain }),
      await refusal('customer.statement', { client_id: 'a', cursor: since }),
      await refusal('customer.statement', { client_id: 'a', from: '2026-01-02T00:00:00Z', cursor: since }),
    ]
    const refused = ['400:INVALID_REQUEST', expect.stringContaining('cursor: must be the cursor')]
    expect(answers).toEqual(answers.map(() => refused))
    const same = { client_id: 'a', from: '2026-01-01T01:00:00+01:00', limit: 2, cursor: since }
    expect((await rig.ask('customer.statement', same)).json()).toMatchObject({ entries: [{}, {}] })
  })

  it.each([
    { client_id: 'a', balance: 6, rank: Number.MAX_SAFE_INTEGER },
    { client_id: 'a', balance: 6, rank: 1e300 },
    { client_id: 'a', balance: 6, rank: -1 },
    { client_id: 'a', balance: 6, rank: 0.5 },
    { client_id: 'a', balance: 6, rank: '1' },
    { client_id: 'a', balance: '9223372036854775808', rank: 1 },
    { client_id: 'a', balance: 6 },
    { client_id: 'a b', balance: 6, rank: 1 },
    { client_id: 'a', balance: 6, rank: 1, more: 1 },
    [],
    null,
  ])('of the ranking that holds %j is refused', async content => {
    const answer = await refusal('customer.ranking', { cursor: forged('ranking', content) })
    expect(answer).toEqual(['400:INVALID_REQUEST', expect.stringContaining('cursor: must be')])
  })

  it('of a statement with sequences that do not exist gives entries of that customer, or none', async () => {
    const ends = [0, 1, 5, Number.MAX_SAFE_INTEGER]
    for (const from_seq of ends) {
      for (const to_seq of ends) {
        const cursor = forged('statement', { from_seq, to_seq }, ['a', undefined, undefined])
        const reply = await rig.ask('customer.statement', { client_id: 'a', cursor })
        const { entries } = reply.json<{ entries: { seq: number }[] }>()
        expect(entries.every(({ seq }) => seq >= from_seq && seq <= to_seq && seq <= 3)).toBe(true)
      }
    }
  })

  it.each([[''], ['x'.repeat(513)], ['e30'], ['null'], [7], [{}], [null], [['a']]])(
    'that is %j is refused by every endpoint',
    async cursor => {
      for (const [subject, request] of PAGED) {
        const [error, text] = await refusal(subject, { ...request, cursor })
        expect([error, text]).toEqual(['400:INVALID_REQUEST', expect.stringContaining('cursor')])
      }
    },
  )
})

describe('a time', () => {
  it.each([
    '2262-04-11T23:47:16.854775808Z',
    '9999-12-31T23:59:59Z',
    '1969-12-31T23:59:59.999999999Z',
    '0001-01-01T00:00:00Z',
    '2026-12-31T23:59:60Z',
    '2026-11-21T24:00:00Z',
    '2026-11-21T10:00:00+24:00',
    '2026-11-21T10:00:00.1234567890Z',
    '2026-11-21T10:00:00',
    '2026-11-21T10:00:00 02:00',
    '2026-11-21',
    1_795_000_000,
    '',
  ])('that is %j has the same answer everywhere', async time => {
    const rule = 'must be a time such as 2026-11-21T10:00:00Z'
    const asked = [
      ['customer.balance', 'as_of'],
      ['customer.statement', 'from'],
      ['customer.statement', 'to'],
    ] as const
    for (const [subject, field] of asked) {
      expect(await refusal(subject, { client_id: 'a', [field]: time })).toEqual([
        '400:INVALID_REQUEST',
        expect.stringContaining(`${field}: ${rule}`),
      ])
    }
  })

  it('at the bounds is taken', async () => {
    const [first, last] = ['1970-01-01T00:00:00Z', '2262-04-11T23:47:16.854775807Z']
    const all = await rig.ask('customer.statement', { client_id: 'a', from: first, to: last })
    const none = await rig.ask('customer.statement', { client_id: 'a', from: last, to: last })
    const before = await rig.ask('customer.statement', { client_id: 'a', to: first })
    const counts = [all, none, before].map(reply => reply.json<{ entries: unknown[] }>().entries.length)
    expect(counts).toEqual([3, 0, 0])
    expect((await rig.ask('customer.balance', { client_id: 'a', as_of: first })).string()).toBe(
      '{"balance":0}',
    )
    const future = await refusal('customer.balance', { client_id: 'a', as_of: last })
    expect(future[0]).toBe('409:NOT_REACHED')
  })

  it.each(['9999-12-31', '2262-04-12', '1969-12-31', '0000-01-01', '2026-02-30'])(
    'of a summary is no day when it is %s',
    async day => {
      for (const field of ['from', 'to']) {
        const answer = await refusal('customer.summary', { [field]: day })
        expect(answer).toEqual(['400:INVALID_REQUEST', expect.stringContaining(`${field}: must be a day`)])
      }
    },
  )
})

const scalar = fc.oneof(
  fc.constantFrom<unknown>('a', 'b', 1, 0, -0, -1, 2 ** 53, 1e300, '', 'strong', null, true, [], {}),
  fc.constantFrom('2026-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '2262-04-11T23:47:16Z', '2026-01-01'),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
)

const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('client_id', 'limit', 'cursor', 'from', 'to') },
  {
    weight: 4,
    arbitrary: fc.constantFrom('min_version', 'consistency', 'as_of', 'as_of_seq', 'customer_id'),
  },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
)

/** Objects as text, so that a name may be there twice and `__proto__` is a name like any other. */
const objectText = fc
  .tuple(fc.constantFrom('"client_id":"a"', ''), fc.array(fc.tuple(name, scalar), { maxLength: 3 }))
  .map(([first, members]) => [
    ...(first === '' ? [] : [first]),
    ...members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`),
  ])
  .map(members => `{${members.join()}}`)

const spoilt = fc
  .tuple(objectText, fc.nat(), fc.constantFrom('', '"', '{', '\u0000', '9', ','))
  .map(([text, at, put]) => `${text.slice(0, at % text.length)}${put}${text.slice(at % text.length)}`)

const SUBJECTS = ['balance', 'account', 'holds', 'explain', 'statement', 'list', 'ranking', 'summary'].map(
  one => `customer.${one}`,
)

it('no request of any kind makes a query endpoint fail or fall silent', async () => {
  const seen = new Set<string>()
  const body = fc.oneof(
    { weight: 6, arbitrary: objectText.map(text => Buffer.from(text)) },
    { weight: 2, arbitrary: spoilt.map(text => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...SUBJECTS), body, async (subject, bytes) => {
      const error = errorOf(await rig.ask(subject, bytes))
      seen.add(error)
      expect(error).toMatch(/^(|400:INVALID_REQUEST|403:BAD_REQUEST|409:NOT_REACHED)$/)
    }),
    { numRuns: RUNS, seed: SEED },
  )
  expect([...seen]).toEqual(expect.arrayContaining(['', '400:INVALID_REQUEST', '403:BAD_REQUEST']))
})
