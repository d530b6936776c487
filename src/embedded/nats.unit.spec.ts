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

it('a secured member wants TLS of its clients, a certificate of other members, and a secret path for monitoring', () => {
  const secured = {
    folder: '/s',
    ca_file: '/s/ca.pem',
    cert_file: '/s/node.pem',
    key_file: '/s/node.key',
    credsFileOf: (user: string) => `/s/${user}.creds`,
    auth_conf: 'operator: o\n',
    own: { user: 'own', inbox_prefix: '_INBOX.own' },
    dynamodb_key: 'k',
    monitor_path: '/m',
  }
  const text = natsConfig({ ...node, cluster: CLUSTER, secured })
  const [of_clients = '', of_routes = ''] = text.split('cluster {')
  expect(of_clients).toMatch(
    /^tls \{\n {2}cert_file: "\/s\/node.pem"\n {2}key_file: "\/s\/node.key"\n {2}timeout: 5\n\}$/m,
  )
  expect(of_clients).toContain('operator: o\n')
  expect(of_clients).toContain('http_base_path: "/m"\n')
  expect(of_routes).toMatch(/tls \{\n(.*\n)* {2}ca_file: "\/s\/ca.pem"\n {2}verify: true\n\}/)
  expect(natsConfig({ ...node, secured })).not.toMatch(/http/)
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
