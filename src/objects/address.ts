/**
 * The address of an object as people write it: `s3://bucket/key`. The key is taken literally, so `?`, `#`, `%20` and spaces
 * are characters of it and mean nothing else.
 */

import { E, type Either } from '../fp.js'

export type ObjectAddress = { readonly bucket: string; readonly key: string }

const SCHEME = 's3://'
/** S3's own rule for the names of buckets. */
const BUCKET = /^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const KEY_BYTES_MAX = 1_024
const LONE_SURROGATE = /\p{Cs}/u

/** Whether a text is meant as the address of an object and not as the path of a file. */
export const isObjectUrl = (text: string): boolean => text.toLowerCase().startsWith(SCHEME)

export const objectUrl = ({ bucket, key }: ObjectAddress): string => `${SCHEME}${bucket}/${key}`

/** Reads a bucket and a key; left is the reason, a part of a sentence, why they name no object. */
export const objectAddress = (bucket: string, key: string): Either<string, ObjectAddress> => {
  if (!BUCKET.test(bucket))
    return E.left(
      'the name of a bucket has 3 to 63 small letters, digits, dots and hyphens, and begins and ends with a letter or digit',
    )
  if (key === '') return E.left('the key of the object is missing: s3://<bucket>/<key>')
  if (key.endsWith('/')) return E.left('it ends with "/", which names no object')
  if (Buffer.byteLength(key) > KEY_BYTES_MAX)
    return E.left(`the key of an object has at most ${KEY_BYTES_MAX} bytes`)
  if (LONE_SURROGATE.test(key)) return E.left('the key of an object is UTF-8')
  return E.right({ bucket, key })
}

/** Reads `s3://bucket/key`; left is the reason, a part of a sentence. */
export const readObjectUrl = (url: string): Either<string, ObjectAddress> => {
  const rest = url.slice(SCHEME.length)
  const slash = rest.indexOf('/')
  return slash === -1 ? objectAddress(rest, '') : objectAddress(rest.slice(0, slash), rest.slice(slash + 1))
}
