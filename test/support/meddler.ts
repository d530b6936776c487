/** A relay before a server that can insert bytes of its own into the server's output. */

import { connect, createServer, type Socket } from 'node:net'

const LOOPBACK = '127.0.0.1'

export type Meddler = {
  readonly url: string
  /** Sends `text` to every connected client. */
  readonly meddle: (text: string) => void
  readonly stop: () => void
}

/** Starts a relay to `nats_url`. */
export const startMeddler = async (nats_url: string): Promise<Meddler> => {
  const port = Number(new URL(nats_url).port)
  const clients = new Set<Socket>()
  const server = createServer(client => {
    const behind = connect(port, LOOPBACK)
    // either side may end first, and the test ignores both errors
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      one.on('error', () => one.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
    clients.add(client)
    client.on('close', () => clients.delete(client))
  })
  await new Promise<void>(resolve => server.listen(0, LOOPBACK, resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The meddler has no port')
  return {
    url: `nats://${LOOPBACK}:${address.port}`,
    meddle: text => {
      for (const client of clients) client.write(text)
    },
    stop: () => {
      server.close()
      for (const client of clients) client.destroy()
    },
  }
}
