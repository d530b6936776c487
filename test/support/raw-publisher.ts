/** Publishes to NATS over a socket of its own, with exact header bytes that no client library would send. */

import { connect } from 'node:net'

/** A message as bytes; `headers` is the whole header block, including its first line and last line break. */
export type RawMessage = {
  readonly subject: string
  readonly headers: string | Uint8Array
  readonly body: string | Uint8Array
  readonly reply?: string
}

const ANSWER_MS_MAX = 10_000

/** Makes a header block with these lines. */
export const headerBlock = (...lines: readonly string[]): string =>
  `NATS/1.0\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`

const frame = ({ subject, headers, body, reply = '' }: RawMessage): Buffer => {
  const head = Buffer.from(headers)
  const payload = Buffer.from(body)
  const sizes = `${head.length} ${head.length + payload.length}`
  const to = reply === '' ? subject : `${subject} ${reply}`
  return Buffer.concat([Buffer.from(`HPUB ${to} ${sizes}\r\n`), head, payload, Buffer.from('\r\n')])
}

/** Sends all messages and waits until the server has accepted them. Fails with the server's error text. */
export const publishRaw = (nats_url: string, messages: readonly RawMessage[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(nats_url)
    const socket = connect(Number(port), hostname)
    let said = ''
    const end = (failure?: Error): void => {
      socket.destroy()
      if (failure === undefined) resolve()
      else reject(failure)
    }
    socket.setTimeout(ANSWER_MS_MAX, () => end(new Error(`NATS took no raw messages in time: ${said}`)))
    socket.on('error', end)
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1')
      if (said.includes('-ERR')) end(new Error(`NATS refuses a raw message: ${said}`))
      else if (said.includes('PONG')) end()
    })
    socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
    for (const message of messages) socket.write(frame(message))
    socket.write('PING\r\n')
  })
