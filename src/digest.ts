/** Digests of texts. */

import { createHash } from 'node:crypto'

/** The first `chars` characters of the SHA-256 of a text in UTF-8, as hexadecimal. */
export const sha256Hex = (text: string, chars: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, chars)
