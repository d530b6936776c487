/**
 * Checks values with their schemas, and words what is wrong as the service itself does: one clause per field.
 */

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { E, type Either, pipe } from '../fp.js'
import { shownName } from '../json.js'
import { exactObject, type Properties, type Schema } from './schema.js'

const CLAUSES_MAX = 10

const ajv = new Ajv({
  strict: true,
  // an amount is a number or a text
  allowUnionTypes: true,
  allErrors: true,
  verbose: true,
  // a `format` is for readers of the document; the `pattern` beside it decides
  validateFormats: false,
  coerceTypes: false,
  useDefaults: false,
  removeAdditional: false,
})

const fieldOf = ({ instancePath, keyword, params }: ErrorObject): string => {
  const path = instancePath.split('/').slice(1)
  const missing: unknown = keyword === 'required' ? params.missingProperty : undefined
  const unknown: unknown = keyword === 'additionalProperties' ? params.additionalProperty : undefined
  return [...path, missing ?? unknown ?? []]
    .flat()
    .map(name => shownName(String(name)))
    .join('.')
}

const ruleOf = ({ keyword, parentSchema, message }: ErrorObject): string => {
  if (keyword === 'required') return 'is missing'
  if (keyword === 'additionalProperties') return 'is no field of this request'
  const described: unknown = parentSchema?.description
  return typeof described === 'string' ? described : (message ?? 'is not valid')
}

/** Whether an error is about one form of an `anyOf`: the error of the whole value says more, so this one is left out. */
const isForm = ({ schemaPath }: ErrorObject): boolean => schemaPath.includes('/anyOf/')

const describe = (errors: readonly ErrorObject[]): string => {
  const byField = new Map<string, string>()
  for (const error of errors.filter(one => !isForm(one))) {
    const field = fieldOf(error)
    if (!byField.has(field)) byField.set(field, ruleOf(error))
  }
  return [...byField]
    .slice(0, CLAUSES_MAX)
    .map(([field, rule]) => (field === '' ? rule : `${field}: ${rule}`))
    .join('; ')
}

export type Check = (value: unknown) => Either<string, Readonly<Record<string, unknown>>>

/** Makes a check with the schema of an object; the left of a check names every wrong field. */
export const checkWith = (schema: Schema): Check => {
  const validate: ValidateFunction = ajv.compile(schema)
  return value =>
    validate(value)
      ? E.right(value as Readonly<Record<string, unknown>>)
      : E.left(describe(validate.errors ?? []))
}

const WHOLE = /^\d{1,16}$/

/** Turns the texts of a query into numbers where the schema of the parameter is an integer. */
const fromText =
  (properties: Properties) =>
  (query: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(query).map(([name, value]) => {
        const is_number = Object.hasOwn(properties, name) && properties[name]?.type === 'integer'
        return [name, is_number && typeof value === 'string' && WHOLE.test(value) ? Number(value) : value]
      }),
    )

/** A time with a blank before its offset: most likely its `+` was not escaped, and a `+` in a URL stands for a blank. */
const BLANK_FOR_PLUS = /^\S+ \d\d:?\d\d$/

const hints = (properties: Properties, query: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.entries(properties)
    .filter(([, { format }]) => format === 'date-time')
    .filter(([name]) => BLANK_FOR_PLUS.test(String(query[name] ?? '')))
    .map(([name]) => `${name}: a "+" in a URL stands for a blank, so write it as %2B`)

const isEmpty = (query: unknown): boolean => {
  for (const _ in query as object) return false
  return true
}

/** Makes a check of a query: all its parameters are optional, and an unknown one is a mistake. */
export const checkQuery = (properties: Properties): ((query: unknown) => ReturnType<Check>) => {
  const check = checkWith(exactObject({}, properties))
  const convert = fromText(properties)
  const none = check({})
  return query => {
    if (isEmpty(query)) return none
    const given = convert({ ...(query as object) })
    return pipe(
      check(given),
      E.mapLeft(text => text.replaceAll('is no field of this request', 'is no parameter of this path')),
      E.mapLeft(text => [text, ...hints(properties, given)].join('; ')),
    )
  }
}
