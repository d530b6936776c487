/**
 * A skip: the decision of a person that an event of an unknown schema does not count, so that its customer can continue.
 *
 * A skip is an event itself, on the customer's own subject and of schema 2. So every fold obeys it, and a program that is
 * too old to know skips leaves the customer parked (docs/adr/0027). It says nothing about events after it.
 */

import { E, t } from '../fp.js'
import { describeErrors, fieldsOf } from './codec.js'

export const SKIP_REASON_CHARS_MAX = 500
export const SKIP_BY_CHARS_MAX = 200

/** `seq` is the stream sequence of the skipped event; `by` is the person who decided. */
export type Skip = { readonly seq: number; readonly reason: string; readonly by: string }

/** Decisions by the sequence of the skipped event. */
export type Skips = ReadonlyMap<number, Skip>

export const NO_SKIPS: Skips = new Map()

const text = (chars_max: number) =>
  new t.Type<string, string, unknown>(
    'text',
    t.string.is,
    (u, context) =>
      typeof u === 'string' && u !== '' && u.length <= chars_max
        ? t.success(u)
        : t.failure(u, context, `must be a text of 1 to ${chars_max} characters`),
    String,
  )

const sequence = new t.Type<number, number, unknown>(
  'sequence',
  t.number.is,
  (u, context) =>
    typeof u === 'number' && Number.isSafeInteger(u) && u >= 1
      ? t.success(u)
      : t.failure(u, context, 'must be a stream sequence'),
  Number,
)

const SkipBody = fieldsOf({
  seq: sequence,
  reason: text(SKIP_REASON_CHARS_MAX),
  by: text(SKIP_BY_CHARS_MAX),
})

/** Decodes the body of a decision; left names its wrong fields. */
export const readSkip = (body: unknown): E.Either<string, Skip> => {
  const skip = SkipBody.decode(body)
  return E.isLeft(skip) ? E.left(describeErrors(skip.left)) : skip
}

/** Encodes a decision as the body of its event. */
export const encodeSkip = ({ seq, reason, by }: Skip): string =>
  JSON.stringify({ schema: 2, type: 'skip', seq, reason, by })
