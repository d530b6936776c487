/**
 * Codecs of objects, and sentences that say why a codec refused a value.
 *
 * A codec from here returns a new object that has the named and checked fields and nothing else. The object codecs of
 * io-ts copy every field of the input, and an own `__proto__` of the input becomes the prototype of the copy: fields that
 * no codec checked could be read as if they were valid. So no other file of the program uses the object codecs of io-ts.
 */

import { E, t } from '../fp.js'
import { isJsonObject, shownName } from '../json.js'

type Codecs = Readonly<Record<string, t.Mixed>>

/** The type of a decoded object with the required fields `R` and the optional fields `O`. */
type Decoded<R extends Codecs, O extends Codecs> = {
  readonly [K in keyof R]: t.TypeOf<R[K]>
} & { readonly [K in keyof O]?: t.TypeOf<O[K]> | undefined }

const NO_OBJECT = 'must be an object'
/** The error text for a field that the codec does not know. */
export const UNKNOWN_FIELD = 'is no field of this request'
/** The largest number of unknown fields that an error names; more would only make the text long. */
export const UNKNOWN_FIELDS_MAX = 10

const failAt = (
  value: unknown,
  context: t.Context,
  name: string,
  message: string,
): readonly t.ValidationError[] => [
  { value, context: t.appendContext(context, name, t.unknown, value), message },
]

const own = (object: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined

/** A field of an object. */
type Field = { readonly name: string; readonly codec: t.Mixed; readonly is_required: boolean }

/** A codec of objects that tells its fields, so that a description of the objects can be made of the codec. */
export class ObjectType<A> extends t.Type<A, unknown, unknown> {
  readonly fields: readonly Field[]
  readonly is_exact: boolean

  constructor(
    fields: readonly Field[],
    is_exact: boolean,
    { is, validate, encode }: Pick<t.Type<A, unknown, unknown>, 'is' | 'validate' | 'encode'>,
  ) {
    super('object', is, validate, encode)
    this.fields = fields
    this.is_exact = is_exact
  }
}

const fieldList = (codecs: Codecs, is_required: boolean): readonly Field[] =>
  Object.entries(codecs).map(([name, codec]) => ({ name, codec, is_required }))

const unknownFields = (
  object: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
  context: t.Context,
): readonly t.ValidationError[] =>
  Object.keys(object)
    .filter(name => !known.has(name))
    .slice(0, UNKNOWN_FIELDS_MAX)
    .flatMap(name => failAt(object[name] ?? null, context, shownName(name), UNKNOWN_FIELD))

const objectOf = <R extends Codecs, O extends Codecs>(
  required: R,
  optional: O,
  is_exact: boolean,
): t.Type<Decoded<R, O>, unknown, unknown> => {
  const fields = [...fieldList(required, true), ...fieldList(optional, false)]
  const known = new Set(fields.map(({ name }) => name))
  const is = (u: unknown): u is Decoded<R, O> =>
    isJsonObject(u) &&
    fields.every(({ name, codec, is_required }) => {
      const value = own(u, name)
      return (value === undefined && !is_required) || codec.is(value)
    })
  const validate: t.Validate<unknown, Decoded<R, O>> = (u, context) => {
    if (!isJsonObject(u)) return t.failure(u, context, NO_OBJECT)
    const result: Record<string, unknown> = {}
    const errors: t.Errors = []
    for (const { name, codec, is_required } of fields) {
      const value = own(u, name)
      if (value === undefined && !is_required) continue
      const decoded = codec.validate(value, t.appendContext(context, name, codec, value))
      if (E.isLeft(decoded)) errors.push(...decoded.left)
      else result[name] = decoded.right
    }
    if (is_exact) errors.push(...unknownFields(u, known, context))
    return errors.length > 0 ? t.failures(errors) : t.success(result as Decoded<R, O>)
  }
  const encode = (value: Decoded<R, O>): unknown =>
    Object.fromEntries(
      fields.flatMap(({ name, codec }) => {
        const one = own(value, name)
        return one === undefined ? [] : [[name, codec.encode(one)]]
      }),
    )
  return new ObjectType(fields, is_exact, { is, validate, encode })
}

/** A codec of objects that have the fields `required` and may have the fields `optional`; other fields are left out. */
export const fieldsOf = <R extends Codecs, O extends Codecs = Record<never, t.Mixed>>(
  required: R,
  optional: O = {} as O,
): t.Type<Decoded<R, O>, unknown, unknown> => objectOf(required, optional, false)

/** The same codec, but any other field is refused by its name, because it may be a misspelt one. */
export const exactFieldsOf = <R extends Codecs, O extends Codecs = Record<never, t.Mixed>>(
  required: R,
  optional: O = {} as O,
): t.Type<Decoded<R, O>, unknown, unknown> => objectOf(required, optional, true)

/** A codec of objects with any names, whose values all have the codec `values`. */
export const recordOf = <A>(
  values: t.Type<A, unknown, unknown>,
): t.Type<Readonly<Record<string, A>>, unknown, unknown> =>
  new t.Type<Readonly<Record<string, A>>, unknown, unknown>(
    'object',
    (u): u is Readonly<Record<string, A>> => isJsonObject(u) && Object.values(u).every(values.is),
    (u, context) => {
      if (!isJsonObject(u)) return t.failure(u, context, NO_OBJECT)
      const result: [string, A][] = []
      const errors: t.Errors = []
      for (const [name, value] of Object.entries(u)) {
        const decoded = values.validate(value, t.appendContext(context, shownName(name), values, value))
        if (E.isLeft(decoded)) errors.push(...decoded.left)
        else result.push([name, decoded.right])
      }
      // fromEntries makes every name an own property, `__proto__` too; an assignment would set the prototype
      return errors.length > 0 ? t.failures(errors) : t.success(Object.fromEntries(result))
    },
    record => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, values.encode(value)])),
  )

/** Whether a step of the path to a value is a field. The root, a place in a list and a member of a union are not. */
const isField = (_: t.ContextEntry, index: number, context: readonly t.ContextEntry[]): boolean => {
  const parent = context[index - 1]
  return parent !== undefined && !Array.isArray(parent.actual) && !(parent.type instanceof t.UnionType)
}

const describe = (error: t.ValidationError): { field: string; rule: string } => {
  const path = error.context.filter(isField).map(({ key }) => key)
  const expected = error.context.at(-1)?.type.name ?? 'something else'
  const rule = error.value === undefined ? 'is missing' : (error.message ?? `must be ${expected}`)
  return { field: path.join('.'), rule }
}

/** A text that names every wrong field once, e.g. `client_id: is missing; amount: must be ...`. */
export const describeErrors = (errors: t.Errors): string => {
  const byField = new Map<string, string>()
  for (const { field, rule } of errors.map(describe)) if (!byField.has(field)) byField.set(field, rule)
  return [...byField].map(([field, rule]) => (field === '' ? rule : `${field}: ${rule}`)).join('; ')
}
