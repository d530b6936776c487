/** Reads a certificate and its private key from the files that two environment variables name. */

import { createSecureContext } from 'node:tls'
import { Failure } from './failure.js'
import { readTextFile } from './text-file.js'

/** PEM texts. */
export type TlsKeyPair = { readonly cert: string; readonly key: string }

type Named = { readonly variable: string; readonly path: string }

/** Throws `Failure` with exit code 2 when a file cannot be read, or when the two do not belong together. */
export const readKeyPair = (cert_file: Named, key_file: Named): TlsKeyPair => {
  const cert = readTextFile(cert_file.variable, cert_file.path)
  const key = readTextFile(key_file.variable, key_file.path)
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `${cert_file.variable}, ${key_file.variable}: they are no certificate and its key: ${why}`
    throw new Failure(message, { cause, exit_code: 2 })
  }
  return { cert, key }
}
