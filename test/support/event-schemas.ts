/**
 * Makes the JSON Schemas of events from the codecs that read them, and what they say about each field from the tables of
 * docs/events.md. A codec without a known JSON Schema is an error, so a new field cannot be forgotten.
 */

import { t } from '../../src/fp.js'
import { Amount, Balance, INT64_MAX, INT64_MIN } from '../../src/ledger/amount.js'
import { ClientId } from '../../src/ledger/client-id.js'
import { ObjectType } from '../../src/ledger/codec.js'
import { STORED_ID_CHARS_MAX, StoredTransactionId } from '../../src/ledger/event-body.js'

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

/** The JSON Schemas of the ledger's own codecs of texts and numbers. The spec compares each with its codec. */
export const LEAVES: ReadonlyMap<t.Mixed, JsonSchema> = new Map<t.Mixed, JsonSchema>([
  [Amount, whole(1, POSITIVE)],
  [Balance, whole(Number.MIN_SAFE_INTEGER, `0|${POSITIVE}|-(${wholeUpTo(-INT64_MIN)})`)],
  [ClientId, { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_:@\\-]{0,63}$' }],
  [StoredTransactionId, { type: 'string', pattern: `^[\\x21-\\x7e]{1,${STORED_ID_CHARS_MAX}}$` }],
])

/** What the page says of a field, by its path. */
export type FieldTexts = ReadonlyMap<string, string>

const objectSchema = (
  { fields, is_exact }: Pick<ObjectType<unknown>, 'fields' | 'is_exact'>,
  path: string,
  texts: FieldTexts,
): JsonSchema => ({
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
  if (codec instanceof t.KeyofType) return { type: 'string', enum: Object.keys(codec.keys) }
  if (codec instanceof t.LiteralType) return { const: codec.value }
  if (codec instanceof t.StringType) return { type: 'string' }
  if (codec instanceof t.BooleanType) return { type: 'boolean' }
  if (codec instanceof t.AnyDictionaryType) return { type: 'object' }
  if (codec instanceof t.UnknownType) return {}
  throw new Error(`${path}: no JSON Schema is known for the codec ${codec.name}: add it to LEAVES`)
}

/** The JSON Schema of the events of a schema that have no `skip`; `codec` reads their fields. */
export const eventSchema = (schema: number, codec: t.Mixed, texts: FieldTexts): JsonSchema => {
  if (!(codec instanceof ObjectType)) throw new Error('the codec of an event is one of objects')
  const own = codec.fields.filter(({ name }) => name !== 'schema')
  const body = objectSchema({ fields: own, is_exact: codec.is_exact }, '', texts)
  const description = texts.get('schema')
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `An event of schema ${schema} in the stream customer-balances`,
    ...body,
    properties: { schema: { const: schema, description }, ...(body.properties as object) },
  }
}

const ROW = /^\| `([\w.]+)` \| (yes|no) \| ([^|]+) \| (.+) \|$/gm

export type FieldRow = { readonly path: string; readonly is_required: boolean; readonly text: string }

/** The fields in the table of a section of docs/events.md. */
export const fieldRows = (page: string, section: string): readonly FieldRow[] => {
  const [, after = ''] = page.split(`\n## ${section}\n`)
  const [own = ''] = after.split('\n## ')
  return [...own.matchAll(ROW)].map(([, path = '', needed, , text = '']) => ({
    path,
    is_required: needed === 'yes',
    text: text.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', ''),
  }))
}

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
