/**
 * What the requests of all queries have in common: a JSON object, fields that are decoded by codecs, pages.
 */

import { E, type Either, pipe, t } from '../../fp.js'
import { isJsonObject, type JsonProblem, readStrictJson } from '../../json.js'
import { describeErrors } from '../../ledger/codec.js'
import { PAGE_ENTRIES_MAX } from '../../page.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'

/** 400 `INVALID_REQUEST` with a text that names each wrong field. */
export const invalid = (message: string): ServiceError => catalogued('INVALID_REQUEST', { message })

/** What is said of a body that is JSON, and no object. */
export const noObject = (fields: string): ServiceError =>
  invalid(`the body must be a JSON object with ${fields}`)

const refused = ({ tag, message }: JsonProblem): ServiceError =>
  invalid(tag === 'NotJson' ? `the body is not JSON: ${message}` : message)

/**
 * Decodes a body with these `fields`, in the strict reading; an empty one counts as `{}`, for where every field may be
 * missing.
 */
export const decodeRequest =
  <A>(codec: t.Decoder<unknown, A>, fields: string) =>
  (body: Uint8Array): Either<ServiceError, A> =>
    pipe(
      body.length === 0 ? E.right({}) : pipe(readStrictJson(body), E.mapLeft(refused)),
      E.filterOrElse(isJsonObject, () => noObject(fields)),
      E.chain(given =>
        pipe(
          codec.decode(given),
          E.mapLeft(errors => invalid(describeErrors(errors))),
        ),
      ),
    )

/** A whole number within bounds, as JSON has it. */
export const wholeFrom = (min: number, max: number) =>
  new t.Type<number, number, unknown>(
    'whole number',
    t.number.is,
    (u, context) =>
      typeof u === 'number' && Number.isInteger(u) && u >= min && u <= max
        ? t.success(u)
        : t.failure(u, context, `must be a whole number from ${min} to ${max}`),
    n => n,
  )

/** A version or a stream sequence. */
export const Whole = wholeFrom(0, Number.MAX_SAFE_INTEGER)

/** How many of a page are asked for. */
export const PageLimit = wholeFrom(1, PAGE_ENTRIES_MAX)
