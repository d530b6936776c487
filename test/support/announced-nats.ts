/**
 * Lets a real nats-server announce another version: a relay changes only the version in the lines by which a server introduces
 * itself (one at once, another after the login). So rules about versions can be tested with the one installed program.
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

/** Starts a relay to the server at `url` that announces `version`. */
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
