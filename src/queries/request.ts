/**
 * What the requests of all queries have in common: a JSON object, fields that are decoded by codecs, pages.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { describeErrors } from '../ledger/codec.js'
import { PAGE_ENTRIES_MAX } from '../page.js'
import { catalogued } from '../service/catalogue.js'
import type { ServiceError } from '../service/error.js'

const utf8 = new TextDecoder('utf-8', { fatal: true })

const isObject = (u: unknown): u is Record<string, unknown> =>
  typeof u === 'object' && u !== null && !Array.isArray(u)

/** 400 `INVALID_REQUEST` with a text that names each wrong field. */
export const invalid = (message: string): ServiceError => catalogued('INVALID_REQUEST', { message })

/** Parses a body; what is not JSON becomes `notJson(parser's text)`, what is no object is told of its `fields`. */
export const parseFields = (
  body: Uint8Array,
  fields: string,
  notJson: (text: string) => ServiceError,
): Either<ServiceError, Readonly<Record<string, unknown>>> =>
  pipe(
    E.tryCatch(
      () => JSON.parse(utf8.decode(body)) as unknown,
      cause => notJson(cause instanceof Error ? cause.message : String(cause)),
    ),
    E.filterOrElse(isObject, () => invalid(`the body must be a JSON object with ${fields}`)),
  )

/** Decodes a body with these `fields`; an empty one counts as `{}`, for where every field may be missing. */
export const decodeRequest =
  <A>(codec: t.Decoder<unknown, A>, fields: string) =>
  (body: Uint8Array): Either<ServiceError, A> =>
    pipe(
      body.length === 0
        ? E.right({})
        : parseFields(body, fields, text => invalid(`the body is not JSON: ${text}`)),
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
