/**
 * Starts a real store of objects with the interface of S3 (s3rver, which keeps them on disk and checks the signature of every
 * request), and hops before it that break connections in the middle.
 */

import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import S3rver from '@20minutes/s3rver'
import { newFolder, removeFolder } from './servers.js'

export const BUCKET = 'incoming'

/** The one account that s3rver knows. */
export const S3_LOGIN = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' }

export type ObjectServer = {
  readonly url: string
  /** The variables with which the program finds this store. */
  readonly env: Readonly<Record<string, string>>
  /** Puts an object, past the interface of S3. */
  readonly put: (key: string, content: string | Uint8Array) => void
  /** The content of an object; undefined when there is none. */
  readonly get: (key: string) => Buffer | undefined
  /** The keys of all objects. */
  readonly keys: () => readonly string[]
  /** Every request so far: its method and its path with the query. */
  readonly requests: () => readonly string[]
  readonly stop: () => Promise<void>
}

/** How s3rver names the file of an object. */
const OBJECT_END = '._S3rver_object'

/** The variables for a store at a URL. Nothing of the machine's own configuration of AWS counts. */
export const objectStoreEnv = (url: string): Readonly<Record<string, string>> => ({
  ...S3_LOGIN,
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL_S3: url,
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
})

export const startObjectStore = async (): Promise<ObjectServer> => {
  const directory = newFolder()
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    directory,
    silent: true,
    vhostBuckets: false,
    allowMismatchedSignatures: false,
    configureBuckets: [{ name: BUCKET }],
  })
  const { port } = await server.run()
  const requests: string[] = []
  server.httpServer.on('request', ({ method, url }) => requests.push(`${method} ${url}`))
  const url = `http://127.0.0.1:${port}`
  const fileOf = (key: string): string => join(directory, BUCKET, `${key}${OBJECT_END}`)
  return {
    url,
    env: objectStoreEnv(url),
    put: (key, content) => {
      const file = fileOf(key)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, content)
      writeFileSync(file.replace(OBJECT_END, '._S3rver_metadata.json'), '{}')
      // s3rver makes the ETag anew
      removeFolder(`${file}.md5`)
    },
    get: key => (existsSync(fileOf(key)) ? readFileSync(fileOf(key)) : undefined),
    keys: () =>
      readdirSync(join(directory, BUCKET), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith(OBJECT_END))
        .map(name => name.slice(0, -OBJECT_END.length))
        .sort(),
    requests: () => requests,
    stop: async () => {
      server.httpServer.closeAllConnections()
      await server.close()
      removeFolder(directory)
    },
  }
}

type Hop = { readonly url: string; readonly stop: () => Promise<void> }

/** A hop before a server; `join` connects the two sides of each connection. */
const startHop = async (
  target_url: string,
  join: (client: Socket, upstream: Socket) => void,
): Promise<Hop> => {
  const target_port = Number(new URL(target_url).port)
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(target_port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      // the other side notices
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    join(client, upstream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export type CuttingHop = Hop & {
  /** The number of connections that it has broken. */
  readonly cuts: () => number
}

/**
 * A hop before a server that breaks a connection once so many bytes of answers have passed: the first connection after the
 * first number, and so on; later ones stay whole. `onCut` is called before a connection is broken.
 */
export const startCuttingHop = async (
  target_url: string,
  cut_after_bytes: readonly number[],
  onCut: () => void = () => undefined,
): Promise<CuttingHop> => {
  let cuts = 0
  let connections = 0
  const hop = await startHop(target_url, (client, upstream) => {
    const limit_bytes = cut_after_bytes[connections] ?? Number.POSITIVE_INFINITY
    connections += 1
    let passed_bytes = 0
    upstream.on('data', bytes => {
      const rest = limit_bytes - passed_bytes
      passed_bytes += bytes.length
      if (bytes.length < rest) {
        client.write(bytes)
        return
      }
      upstream.removeAllListeners('data')
      cuts += 1
      onCut()
      client.end(bytes.subarray(0, rest), () => client.destroy())
    })
  })
  return { ...hop, cuts: () => cuts }
}

export type HoldingHop = Hop & {
  /** Whether it holds an answer back. */
  readonly is_holding: () => boolean
}

/** A hop before a server that gives no answer to a request in whose beginning a text stands. */
export const startHoldingHop = async (target_url: string, text: string): Promise<HoldingHop> => {
  let is_holding = false
  const hop = await startHop(target_url, (client, upstream) => {
    let is_held = false
    client.on('data', bytes => {
      is_held ||= bytes.includes(text)
    })
    upstream.on('data', bytes => {
      is_holding ||= is_held
      if (!is_held) client.write(bytes)
    })
  })
  return { ...hop, is_holding: () => is_holding }
}
