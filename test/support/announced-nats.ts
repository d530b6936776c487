/**
 * A real nats-server that says it is of another version: a relay that changes the version in the lines by which a server
 * introduces itself (one at once, another after the login), and nothing else. So a rule about versions can be tried on the one program that is there.
 */

import { createServer, connect as dial, type Socket } from 'node:net'

const VERSION = /((?:^|\r\n)INFO \{[^\r]*"version":")[^"]*"/g

export type AnnouncedNats = { readonly url: string; readonly stop: () => Promise<void> }

const relay = (client: Socket, server: Socket, version: string): void => {
  server.on('data', data => {
    const text = data.toString('latin1').replace(VERSION, `$1${version}"`)
    client.write(Buffer.from(text, 'latin1'))
  })
  client.on('data', data => server.write(data))
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
}

/** Relays to the server at `url`, and has it say `version`. */
export const announceVersion = async (url: string, version: string): Promise<AnnouncedNats> => {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const listener = createServer(client => {
    sockets.add(client)
    relay(client, dial(Number(port), hostname), version)
  })
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('The relay has no port')
  return {
    url: `nats://127.0.0.1:${address.port}`,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => listener.close(resolve))
    },
  }
}
