/**
 * Makes the JSON Schemas of events from the codecs that read them, and what they say about each field from the tables of
 * docs/events.md. A codec without a known JSON Schema is an error, so a new field cannot be forgotten.
 */

import { t } from '../../src/fp.js'
import { AccountId } from '../../src/ledger/account-id.js'
import { Amount, Balance, INT64_MAX, INT64_MIN } from '../../src/ledger/amount.js'
import { ClientId } from '../../src/ledger/client-id.js'
import { ObjectType } from '../../src/ledger/codec.js'
import {
  LONGEST_ID_CHARS_MAX,
  LongestTransactionId,
  STORED_ID_CHARS_MAX,
  StoredTransactionId,
  TRANSACTION_ID_CHARS_MAX,
  TransactionId,
} from '../../src/ledger/event-body.js'
import { CODECS, Limit, OneOf, Reason, Time } from '../../src/ledger/event-body-2.js'

export type JsonSchema = Readonly<Record<string, unknown>>

/** A pattern of the whole numbers from 1 to `max`, in decimal digits. */
const wholeUpTo = (max: bigint): string => {
  const digits = String(max)
  const sameLength = [...digits].flatMap((digit, i) => {
    const [lowest, highest] = [i === 0 ? 1 : 0, Number(digit) - 1]
    return highest < lowest
      ? []
      : [`${digits.slice(0, i)}[${lowest}-${highest}][0-9]{${digits.length - 1 - i}}`]
  })
  return [`[1-9][0-9]{0,${digits.length - 2}}`, ...sameLength, digits].join('|')
}

const POSITIVE = wholeUpTo(INT64_MAX)
const whole = (minimum: number, pattern: string): JsonSchema => ({
  anyOf: [
    { type: 'integer', minimum, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: `^(${pattern})$` },
  ],
})

const token = (chars_max: number): JsonSchema => ({
  type: 'string',
  pattern: `^[\\x21-\\x7e]{1,${chars_max}}$`,
})

/** The days that there are, from 1970 on. */
const DAY = [
  '(19[7-9]\\d|[2-9]\\d{3})-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))',
  '(19(7[26]|8[048]|9[26])|[2-9]\\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[3579][26])00)-02-29',
].join('|')
const TIME_OF_DAY = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{3}'

/** The JSON Schemas of the ledger's own codecs of texts and numbers. The spec compares each with its codec. */
export const LEAVES: ReadonlyMap<t.Mixed, JsonSchema> = new Map<t.Mixed, JsonSchema>([
  [Amount, whole(1, POSITIVE)],
  [Balance, whole(Number.MIN_SAFE_INTEGER, `0|${POSITIVE}|-(${wholeUpTo(-INT64_MIN)})`)],
  [AccountId, { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_:@\\-]{0,63}(/[A-Z][A-Z0-9]{0,15})?$' }],
  [ClientId, { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_:@\\-]{0,63}$' }],
  [StoredTransactionId, token(STORED_ID_CHARS_MAX)],
  [LongestTransactionId, token(LONGEST_ID_CHARS_MAX)],
  [TransactionId, token(TRANSACTION_ID_CHARS_MAX)],
  [Limit, whole(0, `0|${POSITIVE}`)],
  // JSON Schema counts characters; the codec counts those beyond U+FFFF twice
  [Reason, { type: 'string', minLength: 1, maxLength: 256 }],
  [Time, { type: 'string', pattern: `^(${DAY})T${TIME_OF_DAY}Z$` }],
])

/** What the page says of a field, by its path. */
export type FieldTexts = ReadonlyMap<string, string>

type Fields = Pick<ObjectType<unknown>, 'fields' | 'is_exact'>

const objectSchema = ({ fields, is_exact }: Fields, path: string, texts: FieldTexts): JsonSchema => ({
  type: 'object',
  properties: Object.fromEntries(
    fields.map(({ name, codec }) => {
      const own_path = path === '' ? name : `${path}.${name}`
      const description = texts.get(own_path)
      return [
        name,
        { ...schemaOf(codec, own_path, texts), ...(description === undefined ? {} : { description }) },
      ]
    }),
  ),
  required: fields.filter(({ is_required }) => is_required).map(({ name }) => name),
  ...(is_exact ? { additionalProperties: false } : {}),
})

const schemaOf = (codec: t.Mixed, path: string, texts: FieldTexts): JsonSchema => {
  const leaf = LEAVES.get(codec)
  if (leaf !== undefined) return leaf
  if (codec instanceof ObjectType) return objectSchema(codec, path, texts)
  if (codec instanceof OneOf) return { type: 'string', enum: codec.texts }
  if (codec instanceof t.KeyofType) return { type: 'string', enum: Object.keys(codec.keys) }
  if (codec instanceof t.LiteralType) return { const: codec.value }
  if (codec instanceof t.StringType) return { type: 'string' }
  if (codec instanceof t.BooleanType) return { type: 'boolean' }
  if (codec instanceof t.AnyDictionaryType) return { type: 'object' }
  if (codec instanceof t.UnknownType) return {}
  throw new Error(`${path}: no JSON Schema is known for the codec ${codec.name}: add it to LEAVES`)
}

const HEAD = (schema: number): JsonSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: `An event of schema ${schema} in the stream customer-balances`,
})

const fieldsOfCodec = (codec: t.Mixed): Fields => {
  if (!(codec instanceof ObjectType)) throw new Error('the codec of an event is one of objects')
  return { fields: codec.fields.filter(({ name }) => name !== 'schema'), is_exact: codec.is_exact }
}

/** The JSON Schema of the events of schema 1; `codec` reads their fields. */
export const eventSchema = (codec: t.Mixed, texts: FieldTexts): JsonSchema => {
  const body = objectSchema(fieldsOfCodec(codec), '', texts)
  const description = texts.get('schema')
  return {
    ...HEAD(1),
    ...body,
    properties: { schema: { const: 1, description }, ...(body.properties as object) },
  }
}

/** A schema in which every object whose fields are named has no others: a field that is not known may move money. */
const strict = (schema: JsonSchema): JsonSchema => {
  const { properties } = schema as { properties?: Readonly<Record<string, JsonSchema>> }
  if (properties === undefined) return schema
  const own = Object.entries(properties).map(([name, one]) => [name, strict(one)])
  return { ...schema, properties: Object.fromEntries(own), additionalProperties: false }
}

/** What holds between the fields of a type (`conflictOf` of event-body-2.ts). */
const BETWEEN: Readonly<Record<string, JsonSchema>> = {
  debit: { dependentRequired: { final: ['hold'] } },
  release: { not: { required: ['expired', 'amount'] } },
  state: { not: { properties: { state: { const: 'active' } }, required: ['state', 'until'] } },
  declined: {
    anyOf: ['amount', 'hold', 'limit', 'state', 'reverses'].map(name => ({ required: [name] })),
  },
}

/** The JSON Schema of the events of schema 2, except `skip`: one for each type. */
export const eventSchema2 = (texts: FieldTexts): JsonSchema => ({
  ...HEAD(2),
  oneOf: Object.entries(CODECS).map(([type, codec]) => {
    const body = objectSchema(fieldsOfCodec(codec), '', texts)
    const [schema, required] = [{ const: 2, description: texts.get('schema') }, body.required as string[]]
    return strict({
      title: type,
      ...body,
      properties: {
        ...{ schema, type: { const: type, description: texts.get('type') } },
        ...(body.properties as object),
      },
      required: ['schema', 'type', ...required],
      ...BETWEEN[type],
    })
  }),
})

const ROW = /^\| `([\w.]+)` \| (yes|no) \| ([^|]+) \| (.+) \|$/gm
const ROW_2 = /^\| `([\w.]+)` \| ([^|]+) \| (.+) \|$/gm
const TYPE_ROW = /^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$/gm
const NAME = /`(\w+)`/g

export type FieldRow = { readonly path: string; readonly is_required: boolean; readonly text: string }
/** A type of event, and its fields besides those that every type has. */
export type TypeRow = {
  readonly type: string
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

const sectionOf = (page: string, section: string): string => {
  const [, after = ''] = page.split(`\n## ${section}\n`)
  const [own = ''] = after.split('\n## ')
  return own
}

const plain = (text: string): string => text.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', '')

/** The fields in the table of a section of docs/events.md. */
export const fieldRows = (page: string, section: string): readonly FieldRow[] =>
  [...sectionOf(page, section).matchAll(ROW)].map(([, path = '', needed, , text = '']) => ({
    path,
    is_required: needed === 'yes',
    text: plain(text),
  }))

/** The fields that schema 2 adds, in the table of a section of docs/events.md, and what it says of each. */
export const addedFields = (page: string, section: string): FieldTexts =>
  new Map(
    [...sectionOf(page, section).matchAll(ROW_2)].map(([, path = '', , text = '']) => [path, plain(text)]),
  )

const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(NAME)].map(([, name = '']) => name).toSorted()

/** The types in the table of a section of docs/events.md. */
export const typeRows = (page: string, section: string): readonly TypeRow[] =>
  [...sectionOf(page, section).matchAll(TYPE_ROW)].map(([, type = '', required = '', optional = '']) => ({
    type,
    required: namesIn(required),
    optional: namesIn(optional),
  }))

/** The types in the JSON Schema of schema 2, in the form of the page's rows; `common` are the fields that every type has. */
export const typesIn = (schema: JsonSchema, common: readonly string[]): readonly TypeRow[] =>
  (schema.oneOf as readonly JsonSchema[]).map(one => {
    const own = fieldsIn(one).filter(({ path }) => !path.includes('.') && !common.includes(path))
    const names = (is_required: boolean): readonly string[] =>
      own
        .filter(field => field.is_required === is_required)
        .map(({ path }) => path)
        .toSorted()
    return { type: String(one.title), required: names(true), optional: names(false) }
  })

/** The fields of a JSON Schema, in the form of the page's rows. */
export const fieldsIn = (schema: JsonSchema, path = ''): readonly Omit<FieldRow, 'text'>[] => {
  const { properties = {}, required = [] } = schema as {
    properties?: Readonly<Record<string, JsonSchema>>
    required?: readonly string[]
  }
  return Object.entries(properties).flatMap(([name, one]) => [
    { path: path + name, is_required: required.includes(name) },
    ...fieldsIn(one, `${path}${name}.`),
  ])
}
