import { expect, it } from 'vitest'
import { natsConfig } from './nats.js'

const CLUSTER = {
  name: 'c',
  route_port: 20_001,
  route_ports: [20_001, 20_002, 20_003],
  health_port: 20_009,
}
const node = { name: 'nats', dir: '/data/nats', port: 4222, sync_interval: 'always' }

it('a single server listens on loopback only, syncs every write and has no monitoring port', () => {
  const text = natsConfig(node)
  expect(text).toContain('listen: "127.0.0.1:4222"\n')
  expect(text).toContain('sync_interval: always\n')
  expect(text).toContain('store_dir: "/data/nats"\n')
  expect(text).not.toMatch(/http|cluster|0\.0\.0\.0/)
})

it('every member of a cluster has the same routes', () => {
  const text = natsConfig({ ...node, cluster: CLUSTER })
  expect(text).toContain('listen: "127.0.0.1:20001"\n')
  for (const port of CLUSTER.route_ports) expect(text).toContain(`"nats://127.0.0.1:${port}"\n`)
  expect(text).toContain('http: "127.0.0.1:20009"\n')
})

it('a frozen client or member is missed within seconds', () => {
  expect(natsConfig(node)).toMatch(/^ping_interval: "5s"\nping_max: 2\nwrite_deadline: "5s"$/m)
  expect(natsConfig({ ...node, cluster: CLUSTER })).toMatch(/^ {2}ping_interval: "2s"\n {2}ping_max: 2$/m)
})

it('a folder name with quotes stays one string', () => {
  expect(natsConfig({ ...node, dir: '/a "b"' })).toContain('store_dir: "/a \\"b\\""\n')
})

it.each(['', 'never', '2m\n}', '0s', '-1s'])('refuses %j as sync interval', sync_interval => {
  expect(() => natsConfig({ ...node, sync_interval })).toThrow('is no sync interval')
})
