import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { freePort, freePorts, LOOPBACK, requirePort } from './ports.js'

it('free ports differ and lie below those of outgoing connections', async () => {
  const ports = await freePorts(20)
  expect(new Set(ports).size).toBe(20)
  for (const port of ports) expect(port).toBeLessThan(32_768)
})

it('a taken port is one sentence that names the way out', async () => {
  const port = await freePort()
  const other = createServer().listen(port, LOOPBACK)
  try {
    await once(other, 'listening')
    await expect(requirePort(port, '--nats-port')).rejects.toThrow(
      `Port ${port} is taken by another program: stop it, or choose another with --nats-port (0 = a free one).`,
    )
  } finally {
    other.close()
  }
})

it('a port that was only asked about can be listened on', async () => {
  const port = await freePort()
  await requirePort(port, '--nats-port')
  await requirePort(port, '--nats-port')
})
