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
import { COMMAND_TYPES, EventBody } from '../src/ledger/event-body.js'
import { almost } from '../src/ledger/testing/arbitrary.js'
import {
  addedFields,
  eventSchema,
  eventSchema2,
  fieldRows,
  fieldsIn,
  type JsonSchema,
  LEAVES,
  typeRows,
  typesIn,
} from './support/event-schemas.js'
import { ROOT } from './support/source-tree.js'

const RUNS = 1_000

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const page = textOf('docs/events.md')
const rows = fieldRows(page, 'Schema 1')
const texts = new Map(rows.map(({ path, text }) => [path, text]))
const added = addedFields(page, 'Fields of schema 2')
const schemas: readonly JsonSchema[] = [
  eventSchema(EventBody, texts),
  eventSchema2(new Map([...texts, ...added])),
]
const [schema = {}, schema_2 = {}] = schemas
const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true })
const [isValid, isValid2] = [ajv.compile(schema), ajv.compile(schema_2)]

const isEvent = (body: unknown): boolean => decodeParsed(body).tag === 'event'

it.each([...schemas.entries()])('is the file that other teams read: %i', async (index, one) => {
  await expect(`${JSON.stringify(one, null, 2)}\n`).toMatchFileSnapshot(
    join(ROOT, `docs/schemas/event-${index + 1}.json`),
  )
})

it('has the fields that the page names, and each has a text', () => {
  expect(rows.map(({ path, is_required }) => ({ path, is_required }))).toEqual(fieldsIn(schema))
  expect(JSON.stringify(schema).match(/"description"/g)).toHaveLength(rows.length)
})

/** The fields that every type of schema 2 may have. */
const COMMON = [
  'schema',
  'type',
  'transaction_id',
  'reference',
  'metadata',
  'transfer',
  'after',
  'at',
  'reverses',
  'reversal_id',
]

it('has the types of schema 2 that the page names, and their fields, and each has a text', () => {
  // each record of a refusal brings one of five fields, which no list of needed fields can say
  const page_types = typeRows(page, 'Schema 2').map(({ type, required, optional }) =>
    type === 'declined'
      ? { type, required: [], optional: [...required, ...optional].toSorted() }
      : { type, required, optional },
  )
  const of = (names: readonly string[]) => names.filter(name => !COMMON.includes(name))
  expect(page_types.map(row => ({ ...row, required: of(row.required), optional: of(row.optional) }))).toEqual(
    typesIn(schema_2, COMMON),
  )
  const paths = new Set(
    (schema_2.oneOf as JsonSchema[]).flatMap(one => fieldsIn(one).map(({ path }) => path)),
  )
  expect([...paths].toSorted()).toEqual([...new Set([...texts.keys(), ...added.keys()])].toSorted())
})

type Golden = { readonly body?: unknown; readonly text?: string; readonly decoded?: unknown }
const golden = (number: number): readonly Golden[] =>
  JSON.parse(textOf(`src/ledger/golden/schema-${number}.json`)) as Golden[]

it('takes the golden events, and refuses the malformed ones', () => {
  expect(golden(1).length).toBeGreaterThan(5)
  for (const { body, text, decoded } of golden(1))
    expect(isValid(text === undefined ? body : JSON.parse(text)), JSON.stringify(body ?? text)).toBe(
      decoded !== undefined,
    )
  // what is malformed as JSON, such as a field that comes twice, is lost when it is parsed
  const parsed = golden(2).filter(({ text }) => text === undefined)
  expect(parsed.length).toBeGreaterThan(20)
  for (const { body, decoded } of parsed)
    expect(isValid2(body), JSON.stringify(body)).toBe(decoded !== undefined)
})

it('takes the examples of the pages', () => {
  const examples = [
    ...(page + textOf('docs/accounts.md')).matchAll(/^ {4}(?:nats pub \S+ ')?(\{"(?:schema|type).*\})'?$/gm),
  ].map(([, text = '']) => JSON.parse(text) as { readonly schema?: number })
  expect(examples.length).toBeGreaterThan(10)
  for (const example of examples) {
    expect((example.schema === 2 ? isValid2 : isValid)(example), JSON.stringify(example)).toBe(true)
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
  'x'.repeat(128),
  'x'.repeat(129),
  'x'.repeat(136),
  'x'.repeat(149),
  'x'.repeat(150),
  'x'.repeat(256),
  'x'.repeat(257),
  '2026-11-27T10:00:00.000Z',
  '2026-11-27T10:00:00Z',
  '2026-11-27T24:00:00.000Z',
  '1969-12-31T23:59:59.999Z',
  '1970-01-01T00:00:00.000Z',
  '2026-02-29T00:00:00.000Z',
  '2028-02-29T00:00:00.000Z',
  '2100-02-29T00:00:00.000Z',
  '2400-02-29T00:00:00.000Z',
  '2026-04-31T00:00:00.000Z',
  'frozen',
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
  fc
    .date({ min: new Date('1960-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map(date => date.toISOString()),
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

it('takes a body of schema 2 exactly when the ledger reads an event in it', () => {
  const declined = { command: 'hold', code: 'HOLD_EXISTS', client_id: '1', balance: -1 }
  const values = {
    amount: [1, 0, '7', '9223372036854775808'],
    transaction_id: ['t-1', 'x'.repeat(149), 'x'.repeat(150), 'a b'],
    metadata: [{}, []],
    transfer: [{ counterparty: '679' }, { counterparty: '-' }, { counterparty: '679', more: 1 }],
    declined: [
      declined,
      ...COMMAND_TYPES.map(command => ({ ...declined, command })),
      { ...declined, available: 1, held: 0, remaining: 3, state: 'frozen', reason: 'r' },
      { ...declined, state: 'active' },
      { ...declined, colour: 'red' },
      { ...declined, code: 'MALFORMED' },
    ],
    after: [1, { balance: 'x' }],
    at: ['2026-11-27T10:00:00.000Z', '2026-11-27T10:00:00Z', 5],
    reverses: ['t-1', ''],
    reversal_id: ['r-1', 'x'.repeat(129)],
    hold: ['h-1', 'x'.repeat(129), 7],
    final: [true, false, 1],
    expires_at: ['2026-11-27T10:00:00.000Z', '2026-02-30T10:00:00.000Z'],
    expired: [true, false],
    limit: [0, 5, -1, '9223372036854775807'],
    state: ['active', 'frozen', 'closed', 'odd'],
    reason: ['r', ''],
    until: ['2026-11-27T10:00:00.000Z', 'never'],
  }
  const usual = {
    credit: { amount: 1 },
    debit: { amount: 1, hold: 'h-1' },
    hold: { amount: 1, transaction_id: 'h-1', expires_at: '2026-11-27T10:00:00.000Z' },
    release: { hold: 'h-1' },
    limit: { limit: 5 },
    state: { state: 'frozen', reason: 'r' },
    declined: { amount: 1, declined },
    gift: { amount: 1 },
  }
  const names = [...Object.keys(values), 'reference', 'colour']
  const seen = new Set<string>()
  const body = fc
    .tuple(
      fc.constantFrom(...Object.entries(usual)),
      fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
      almost(fc.constantFrom(...names), values),
    )
    .map(([[type, whole], without, part]) => {
      const few = Object.fromEntries(Object.entries(part).slice(0, 2))
      const fields = Object.entries({ ...whole, ...few }).filter(([name]) => !without.includes(name))
      return { schema: 2, type, ...Object.fromEntries(fields) }
    })
  fc.assert(
    fc.property(body, one => {
      seen.add(`${one.type} ${isEvent(one)}`)
      expect(isValid2(one), JSON.stringify(one)).toBe(isEvent(one))
    }),
    { numRuns: 3 * RUNS },
  )
  expect(seen.size).toBe(2 * Object.keys(usual).length - 1)
})
