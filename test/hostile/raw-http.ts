/** Sends HTTP requests with exactly the given bytes; a client library would repair or refuse them. */

import { connect } from 'node:net'

export type RawAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

const HEAD_END = '\r\n\r\n'

const parse = (bytes: Buffer): RawAnswer | undefined => {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return undefined
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1])
  if (!Number.isInteger(status)) return undefined
  const headers = Object.fromEntries(
    lines.map(line => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  return { status, headers, text: bytes.subarray(end + HEAD_END.length).toString('utf8') }
}

/** Sends `bytes` to the server at `url`. Returns its answer once it ends the connection; undefined when no answer comes. */
export const askRaw = (
  url: string,
  bytes: Uint8Array,
  timeout_ms: number,
): Promise<RawAnswer | undefined> => {
  const { hostname, port } = new URL(url)
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    const socket = connect(Number(port), hostname)
    const timer = setTimeout(() => socket.destroy(), timeout_ms)
    socket.on('connect', () => socket.write(bytes))
    socket.on('data', chunk => chunks.push(chunk))
    // the server may end the connection before it has read all bytes: its answer counts
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(parse(Buffer.concat(chunks)))
    })
  })
}

export type RawRequest = {
  readonly method: string
  /** The target in the first line of the request. */
  readonly target: string
  /** Whole lines; `Host` and `Connection` are added. */
  readonly headers?: readonly string[]
  readonly body?: string | Uint8Array
}

/** The bytes of a request after which the server closes the connection. */
export const requestBytes = (
  host: string,
  { method, target, headers = [], body }: RawRequest,
): Uint8Array => {
  const payload = body === undefined ? undefined : Buffer.from(body)
  const length = payload === undefined ? [] : [`Content-Length: ${payload.length}`]
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...headers, ...length]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}${HEAD_END}`), payload ?? Buffer.alloc(0)])
}
