/**
 * Cursors. A cursor is an opaque token that says where a page ended.
 *
 * A cursor belongs to one endpoint and to the filters of its request (the customer and the times of a statement). It
 * holds them as a checksum, so that the cursor of another request, half a cursor or a changed one is refused. The
 * checksum needs no secret: a cursor holds nothing that a caller may not know, and its content is checked like anything
 * else that a caller sends.
 */

import { createHash } from 'node:crypto'
import { E, type Either, pipe, t } from '../../fp.js'
import { readStrictJson } from '../../json.js'
import { CURSOR_CHARS_MAX, CURSOR_RULE } from '../../page.js'
import type { ServiceError } from '../../service/error.js'
import { invalid } from './query-body.js'

/** Everything that a request asks for, except the size of its page and the cursor. */
export type Filters = readonly (string | undefined)[]

export type CursorOf<A> = {
  readonly write: (content: A, filters: Filters) => string
  /** Left is 400 `INVALID_REQUEST`. */
  readonly read: (cursor: string, filters: Filters) => Either<ServiceError, A>
}

const CHECKSUM_CHARS = 16

/** The field `cursor` of a request. */
export const Cursor = new t.Type<string, string, unknown>(
  'Cursor',
  t.string.is,
  (u, context) =>
    typeof u === 'string' && u.length <= CURSOR_CHARS_MAX ? t.success(u) : t.failure(u, context, CURSOR_RULE),
  t.identity,
)

/** The cursors of an endpoint; `content` is the codec of what they hold. */
export const cursorOf = <A>(endpoint: string, content: t.Type<A, unknown, unknown>): CursorOf<A> => {
  const seal = (text: string, filters: Filters): string => {
    const sealed = JSON.stringify([endpoint, filters.map(filter => filter ?? null), text])
    const checksum = createHash('sha256').update(sealed).digest('base64url').slice(0, CHECKSUM_CHARS)
    return Buffer.from(checksum + text).toString('base64url')
  }
  return {
    write: (value, filters) => seal(JSON.stringify(content.encode(value)), filters),
    read: (cursor, filters) => {
      const text = Buffer.from(cursor, 'base64url').toString('utf8').slice(CHECKSUM_CHARS)
      const refusal = invalid(`cursor: ${CURSOR_RULE}`)
      if (seal(text, filters) !== cursor) return E.left(refusal)
      return pipe(
        readStrictJson(text),
        E.chainW(content.decode),
        E.mapLeft(() => refusal),
      )
    },
  }
}
