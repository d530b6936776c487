/**
 * The JSON Schemas in docs/schemas are made of the codecs of events: they take what the codecs take, in the golden files
 * too, and docs/events.md names the same fields. `npx vitest run --project unit test/event-schemas -u` writes them anew.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeParsed } from '../src/ledger/event.js'
import { EventBody } from '../src/ledger/event-body.js'
import { almost } from '../src/ledger/testing/arbitrary.js'
import { eventSchema, fieldRows, fieldsIn, LEAVES } from './support/event-schemas.js'
import { ROOT } from './support/source-tree.js'

const RUNS = 1_000

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const page = textOf('docs/events.md')
const rows = fieldRows(page, 'Schema 1')
const schema = eventSchema(1, EventBody, new Map(rows.map(({ path, text }) => [path, text])))
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
const isValid = ajv.compile(schema)

const isEvent = (body: unknown): boolean => decodeParsed(body).tag === 'event'

it('is the file that other teams read', async () => {
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    join(ROOT, 'docs/schemas/event-1.json'),
  )
})

it('has the fields that the page names, and each has a text', () => {
  expect(rows.map(({ path, is_required }) => ({ path, is_required }))).toEqual(fieldsIn(schema))
  expect(JSON.stringify(schema).match(/"description"/g)).toHaveLength(rows.length)
})

it('takes the golden events, and refuses the malformed ones', () => {
  const golden = JSON.parse(textOf('src/ledger/golden/schema-1.json')) as {
    readonly body?: unknown
    readonly text?: string
    readonly decoded?: unknown
  }[]
  expect(golden.length).toBeGreaterThan(5)
  for (const { body, text, decoded } of golden)
    expect(isValid(text === undefined ? body : JSON.parse(text)), JSON.stringify(body ?? text)).toBe(
      decoded !== undefined,
    )
})

it('takes the examples of the page', () => {
  const examples = [...page.matchAll(/^ {4}(\{.*\})$/gm)].map(([, text = '']) => JSON.parse(text) as unknown)
  expect(examples.length).toBeGreaterThan(3)
  for (const example of examples) {
    expect(isValid(example), JSON.stringify(example)).toBe(true)
    expect(isEvent(example), JSON.stringify(example)).toBe(true)
  }
})

const WHOLE = [
  0,
  1,
  -1,
  0.5,
  2 ** 53 - 1,
  2 ** 53,
  '0',
  '1',
  '-1',
  '01',
  '1.0',
  '+1',
  '',
  '9223372036854775807',
]
const EDGES = [
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '-0',
  '1\n',
  ' 1',
  'x'.repeat(64),
]
const TEXTS = [
  'a:b',
  '-a',
  'a b',
  'x'.repeat(65),
  'x'.repeat(135),
  'x'.repeat(136),
  'zoë',
  null,
  true,
  [],
  {},
]
const anything = fc.oneof(
  fc.constantFrom<unknown>(...WHOLE, ...EDGES, ...TEXTS),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.jsonValue({ maxDepth: 1 }),
)

it('agrees with the codec of each text and number', () => {
  for (const [codec, leaf] of LEAVES) {
    const fits = ajv.compile(leaf)
    fc.assert(
      fc.property(anything, value => {
        expect(fits(value), `${codec.name} ${JSON.stringify(value)}`).toBe(
          codec.decode(value)._tag === 'Right',
        )
      }),
      { numRuns: RUNS },
    )
  }
})

it('takes a body exactly when the ledger reads an event in it', () => {
  const values = {
    schema: [1, 0, '1', 1.5],
    type: ['credit', 'debit', 'declined', 'hold'],
    amount: [1, 0, '7', '9223372036854775808'],
    transaction_id: ['t-1', '', 'a b'],
    metadata: [{}, { a: 1 }, []],
    transfer: [{ counterparty: '679' }, { counterparty: '-' }, {}],
    declined: [
      { command: 'debit', code: 'BALANCE_LIMIT', client_id: '1', balance: -1 },
      { command: 'hold', code: 'BALANCE_LIMIT', client_id: '1', balance: 0 },
      { command: 'credit', code: 'INSUFFICIENT_FUNDS', client_id: '1' },
    ],
    after: [1, { balance: 'x' }],
  }
  const names = [...Object.keys(values), 'reference', 'colour']
  const seen = new Set<boolean>()
  const body = almost(fc.constantFrom(...names), values).map(part => ({ type: 'credit', amount: 1, ...part }))
  fc.assert(
    fc.property(fc.oneof(body, fc.jsonValue()), one => {
      fc.pre(typeof one !== 'object' || one === null || !('schema' in one) || Number(one.schema) < 2)
      seen.add(isEvent(one))
      expect(isValid(one), JSON.stringify(one)).toBe(isEvent(one))
    }),
    { numRuns: RUNS },
  )
  expect(seen.size).toBe(2)
})
