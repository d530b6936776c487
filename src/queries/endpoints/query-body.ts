/**
 * The common parts of the requests of all queries: a JSON object, fields that are decoded by codecs, and pages.
 */

import { E, type Either, pipe, t } from '../../fp.js'
import { isJsonObject, type JsonProblem, readStrictJson } from '../../json.js'
import { describeErrors } from '../../ledger/codec.js'
import { PAGE_ENTRIES_MAX } from '../../page.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'

/** 400 `INVALID_REQUEST` with a text that names each wrong field. */
export const invalid = (message: string): ServiceError => catalogued('INVALID_REQUEST', { message })

/** 400 `INVALID_REQUEST` for a body that is JSON but no object. */
export const noObject = (fields: string): ServiceError =>
  invalid(`the body must be a JSON object with ${fields}`)

const refusalOf = ({ tag, message }: JsonProblem): ServiceError =>
  invalid(tag === 'NotJson' ? `the body is not JSON: ${message}` : message)

/**
 * Decodes a body as strict JSON; an empty body counts as `{}`, because all fields of some requests are optional. `fields`
 * names the fields in the error for a body that is no object. Left is 400 `INVALID_REQUEST`.
 */
export const decodeRequest =
  <A>(codec: t.Decoder<unknown, A>, fields: string) =>
  (body: Uint8Array): Either<ServiceError, A> =>
    pipe(
      body.length === 0 ? E.right({}) : pipe(readStrictJson(body), E.mapLeft(refusalOf)),
      E.filterOrElse(isJsonObject, () => noObject(fields)),
      E.chain(given =>
        pipe(
          codec.decode(given),
          E.mapLeft(errors => invalid(describeErrors(errors))),
        ),
      ),
    )

/** The codec of a JSON number that is a whole number from `min` to `max`. */
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

/** The number of entries that a page may have. */
export const PageLimit = wholeFrom(1, PAGE_ENTRIES_MAX)
