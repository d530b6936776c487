/**
 * Cursors: where a page ended, as one opaque token. They hold nothing that a caller may not know, and are checked like
 * anything else that a caller sends.
 */

import { E, pipe, t } from '../fp.js'

const CURSOR_CHARS_MAX = 512

/** A codec of cursors that hold what `content` says. */
export const cursorOf = <A>(content: t.Type<A, unknown, unknown>) =>
  new t.Type<A, string, unknown>(
    'Cursor',
    content.is,
    (u, context) => {
      const decoded =
        typeof u === 'string' && u.length <= CURSOR_CHARS_MAX
          ? pipe(
              E.tryCatch(() => JSON.parse(Buffer.from(u, 'base64url').toString('utf8')) as unknown, String),
              E.chainW(content.decode),
            )
          : E.left('')
      return E.isRight(decoded)
        ? t.success(decoded.right)
        : t.failure(u, context, 'must be a cursor of an earlier reply, as it was')
    },
    value => Buffer.from(JSON.stringify(content.encode(value))).toString('base64url'),
  )
