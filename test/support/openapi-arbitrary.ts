/** Generates right and wrong requests from an OpenAPI document, and checks answers against its schemas, for fuzzing. */

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import fc from 'fast-check'

type Json = Readonly<Record<string, unknown>>
type Content = Readonly<Record<string, { readonly schema?: Json }>>
type Parameter = { readonly name: string; readonly in: string; readonly schema: Json }
export type Operation = {
  readonly operationId?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}
export type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Json
}

const NAMED = '#/components/schemas/'

/** A document in which the schemas themselves stand in the place of their names. */
export const readDocument = (text: string): Document => {
  const { components } = JSON.parse(text) as { components: { schemas: Readonly<Record<string, unknown>> } }
  const resolve = (_: string, value: unknown): unknown => {
    const name = typeof value === 'object' && value !== null && '$ref' in value ? String(value.$ref) : ''
    if (!name.startsWith(NAMED)) return value
    // a named schema has names in it too
    return JSON.parse(JSON.stringify(components.schemas[name.slice(NAMED.length)]), resolve)
  }
  return JSON.parse(text, resolve) as Document
}

export type FuzzRequest = {
  readonly path: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

const ITEMS_MAX = 5
const STRING_CHARS_MAX = 300

const textOf = ({ pattern, maxLength }: Json): fc.Arbitrary<string> =>
  typeof pattern === 'string'
    ? fc.stringMatching(new RegExp(pattern))
    : fc.string({ maxLength: Math.min(Number(maxLength ?? STRING_CHARS_MAX), STRING_CHARS_MAX) })

const INT32_MAX = 2 ** 31 - 1

/** Whole numbers in a range: mostly small ones, and the bounds. */
const wholeFrom = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: Math.max(min, -1_000), max: Math.min(max, 1_000) }) },
    { weight: 1, arbitrary: fc.constantFrom(min, max, Math.min(max, INT32_MAX)) },
  )

const objectOf = ({ properties = {}, required = [] }: Json): fc.Arbitrary<unknown> =>
  fc.record(
    Object.fromEntries(
      Object.entries(properties as Json).map(([name, one]) => [name, valueFor(one as Json)]),
    ),
    { requiredKeys: required as string[] },
  )

/** Values that fit a schema. */
const valueFor = (schema: Json): fc.Arbitrary<unknown> => {
  if (Array.isArray(schema.anyOf)) return fc.oneof(...schema.anyOf.map(one => valueFor(one as Json)))
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]))
  if ('const' in schema) return fc.constant(schema.const)
  switch (schema.type) {
    case 'integer':
      return wholeFrom(Number(schema.minimum ?? 0), Number(schema.maximum ?? INT32_MAX))
    case 'array':
      return fc.array(valueFor(schema.items as Json), {
        minLength: Number(schema.minItems ?? 0),
        maxLength: ITEMS_MAX,
      })
    case 'object':
      return schema.properties === undefined
        ? fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
        : objectOf(schema)
    default:
      return textOf(schema)
  }
}

const NASTY = [
  '',
  '0',
  '-1',
  '1e400',
  'null',
  '../..',
  '%00',
  '\u0000',
  '\ud83d\ude00',
  "';--",
  'x'.repeat(5_000),
]

/** Texts of every kind, but without a lone surrogate, which no URL can carry. */
const anyText = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
)

/** A body with one change. */
const spoilt = (schema: Json): fc.Arbitrary<unknown> =>
  fc
    .tuple(valueFor(schema), fc.jsonValue({ maxDepth: 3 }), fc.string({ maxLength: 10 }), fc.nat())
    .map(([value, other, name, which]) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return other
      const names = [...Object.keys(value), name]
      return { ...value, [names[which % names.length] ?? name]: other }
    })

const abyss = (depth: number): string =>
  `{"metadata":{"a":${'['.repeat(depth)}${']'.repeat(depth)}},"amount":1}`

const bodyOf = ({ requestBody }: Operation): fc.Arbitrary<string | undefined> => {
  if (requestBody === undefined) return fc.constant(undefined)
  const schema = requestBody.content['application/json']?.schema ?? { type: 'object' }
  return fc.oneof(
    { weight: 5, arbitrary: valueFor(schema).map(value => JSON.stringify(value)) },
    { weight: 3, arbitrary: spoilt(schema).map(value => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: anyText },
    { weight: 1, arbitrary: fc.constantFrom(100, 6_000, 200_000).map(abyss) },
  )
}

/** Texts that mostly fit the schema, and sometimes are anything. */
const textFor = (schema: Json): fc.Arbitrary<string> =>
  fc.oneof({ weight: 15, arbitrary: valueFor(schema).map(String) }, { weight: 1, arbitrary: anyText })

const isPresent = (entry: [string, string | undefined]): entry is [string, string] => entry[1] !== undefined

/** Values of all parameters of a kind; optional parameters are mostly left out. */
const named = (
  parameters: readonly Parameter[],
  where: string,
  wanted: boolean,
): fc.Arbitrary<Record<string, string>> => {
  const own = parameters.filter(one => one.in === where)
  const perhaps = (schema: Json) =>
    fc.oneof(
      { weight: wanted ? 0 : 3, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: textFor(schema) },
    )
  return fc
    .record(Object.fromEntries(own.map(({ name, schema }) => [name, perhaps(schema)])))
    .map(values => Object.fromEntries(Object.entries(values).filter(isPresent)))
}

const TYPES = ['application/json', 'application/json; charset=utf-8', 'text/plain', 'application/x-y', '']

/** Encodes a path segment, and replaces `.` and `..`, because a client would resolve them to another path. */
const segment = (text: string): string => encodeURIComponent(text).replace(/^\.{1,2}$/, 'dots')

const HEADER_TEXT = /^[\x21-\x7e]*$/

/** Generates requests of one operation. */
export const requestsOf = (path: string, method: string, operation: Operation): fc.Arbitrary<FuzzRequest> => {
  const { parameters = [] } = operation
  return fc
    .record({
      params: named(parameters, 'path', true),
      query: named(parameters, 'query', false),
      stray: fc.oneof(
        { weight: 15, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.tuple(anyText, anyText) },
      ),
      header: named(parameters, 'header', false),
      type: fc.oneof(
        { weight: 20, arbitrary: fc.constant(TYPES[0]) },
        { weight: 1, arbitrary: fc.constantFrom(...TYPES) },
      ),
      body: bodyOf(operation),
    })
    .map(({ params, query, stray, header, type = '', body }) => {
      const search = new URLSearchParams(query)
      if (stray !== undefined) search.append(...stray)
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => segment(params[name] ?? ''))
      const own = Object.entries(header).filter(([, value]) => HEADER_TEXT.test(value))
      return {
        path,
        method,
        url: `${filled}?${search}`,
        headers: {
          ...Object.fromEntries(own),
          ...(body === undefined || type === '' ? {} : { 'content-type': type }),
        },
        body,
      }
    })
}

/** Creates a check of answers against the document. It returns a text about a difference, or undefined. */
export const createReferee = ({ paths, components }: Document) => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  const compiled = new Map<object, ValidateFunction>()
  const compile = (schema: Json): ValidateFunction => {
    const known = compiled.get(schema) ?? ajv.compile({ ...schema, components })
    compiled.set(schema, known)
    return known
  }
  return ({ path, method }: FuzzRequest, status: number, type: string, text: string): string | undefined => {
    const responses = paths[path]?.[method]?.responses ?? {}
    const content = responses[String(status)]?.content
    if (content === undefined) return `the document knows no ${status} here`
    const [media = ''] = type.split(';')
    const promised = content[media]
    if (promised === undefined) return `the document knows no ${media} for ${status}`
    if (promised.schema === undefined || !media.endsWith('json')) return undefined
    const validate = compile(promised.schema)
    return validate(JSON.parse(text)) ? undefined : ajv.errorsText(validate.errors)
  }
}
