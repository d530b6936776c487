/**
 * The options of TLS for the connections to NATS. The client reads them at each connect, and here that reads the files
 * again, so that certificates are renewed without a restart.
 */

import { X509Certificate } from 'node:crypto'
import type { ConnectionOptions } from 'nats'
import { Failure } from './failure.js'
import { readFresh } from './fresh-file.js'
import { readKeyPair, type TlsKeyPair } from './key-pair.js'
import type { NatsAccess } from './nats-access.js'
import { readTextFile } from './text-file.js'

export type Tls = {
  /** Undefined: a connection may be plain, and becomes TLS only if the server wants it. */
  readonly options: ConnectionOptions['tls']
  /** The sentences about files that could not be read again. */
  readonly problems: () => readonly string[]
}

const loadCa = (path: string): string => {
  const ca = readTextFile('NATS_TLS_CA', path)
  try {
    // with a text that is no certificate the client would trust no server, and would not say why
    new X509Certificate(ca)
  } catch (cause) {
    throw new Failure(`NATS_TLS_CA: the file ${path} holds no certificate (PEM)`, { cause, exit_code: 2 })
  }
  return ca
}

const loadPair = (paths: TlsKeyPair): TlsKeyPair =>
  readKeyPair({ variable: 'NATS_TLS_CERT', path: paths.cert }, { variable: 'NATS_TLS_KEY', path: paths.key })

/** Makes the options. Throws `Failure` with exit code 2 when a file that the environment names is of no use. */
export const openTls = ({ is_tls, tls }: NatsAccess): Tls => {
  const { ca: ca_path, pair: pair_paths, is_first } = tls
  const ca = ca_path === undefined ? undefined : readFresh(() => loadCa(ca_path))
  const pair = pair_paths === undefined ? undefined : readFresh(() => loadPair(pair_paths))
  if (!is_tls && !is_first && ca === undefined && pair === undefined)
    return { options: undefined, problems: () => [] }
  const options: NonNullable<ConnectionOptions['tls']> = is_first ? { handshakeFirst: true } : {}
  // the client reads these properties at each connect
  const readAtEachConnect = (name: 'ca' | 'cert' | 'key', get: () => string): void => {
    Object.defineProperty(options, name, { enumerable: true, get })
  }
  if (ca !== undefined) readAtEachConnect('ca', ca.read)
  if (pair !== undefined) {
    readAtEachConnect('cert', () => pair.read().cert)
    readAtEachConnect('key', () => pair.read().key)
  }
  return {
    options,
    problems: () => [ca?.problem(), pair?.problem()].filter(problem => problem !== undefined),
  }
}
