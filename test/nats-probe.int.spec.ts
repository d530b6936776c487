/**
 * Tests the probe that a node of the self-hosted NATS runs each minute, with a real nats-server on a disk that becomes full.
 * A small disk needs the right to mount; without that right the probe is only tried on a healthy server.
 */

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { infraFile } from '../infra/repository-root.js'
import { mountSmallDisks } from '../src/chaos/small-disks.js'
import { findServerBinary } from '../src/embedded/index.js'
import { ownPorts } from './support/ports.js'
import { newFolder, removeFolder, until } from './support/servers.js'

const STAND_INS = fileURLToPath(new URL('support/machine', import.meta.url))
const WITHIN_MS = 60_000

let folder: string
let monitor: string
let first_port: number
let nc: NatsConnection
let disks: ReturnType<typeof mountSmallDisks>
let end: () => Promise<void>

const PLACES = ['a', 'b', 'c'] as const
type Place = (typeof PLACES)[number]

const dataOf = (place: string): string => join(folder, `data-${place}`)

const configOf = (place: Place, port: number, monitor_port: number, routes: readonly number[]): string => `
server_name: "nats-${place}"
listen: "127.0.0.1:${port}"
http: "127.0.0.1:${monitor_port}"
log_file: "${dataOf(place)}/log/nats-server.log"
pid_file: "${dataOf(place)}/nats-server.pid"
jetstream { store_dir: "${dataOf(place)}/jetstream", sync_interval: always, max_file_store: 10GB }
no_auth_user: all
authorization {
  users: [
    { user: all, password: x }
    { user: few, password: x, permissions: { publish: "few", subscribe: "_INBOX.>" } }
  ]
}
cluster {
  name: "probed"
  listen: "127.0.0.1:${routes[PLACES.indexOf(place)]}"
  routes: [${routes.map(each => `"nats://127.0.0.1:${each}"`).join(', ')}]
}
`

beforeEach(async () => {
  folder = newFolder()
  mkdirSync(join(folder, 'etc'))
  disks = mountSmallDisks([dataOf('a')])
  writeFileSync(join(folder, 'etc', 'node.env'), "NODE='nats-a'\nREGION='r'\nLOG_GROUP='g'\n")
  const ports = await ownPorts(9)
  const [clients, monitors, routes] = [ports.slice(0, 3), ports.slice(3, 6), ports.slice(6)]
  monitor = `127.0.0.1:${monitors[0]}`
  first_port = clients[0] ?? 0
  const servers = PLACES.map((place, i) => {
    mkdirSync(join(dataOf(place), 'log'), { recursive: true })
    const file = join(folder, 'etc', `nats-${place}.conf`)
    writeFileSync(file, configOf(place, clients[i] ?? 0, monitors[i] ?? 0, routes))
    const server = spawn(findServerBinary('nats-server'), ['--config', file], { stdio: 'ignore' })
    return { server, exited: once(server, 'exit') }
  })
  end = async () => {
    for (const { server } of servers) server.kill('SIGKILL')
    await Promise.all(servers.map(({ exited }) => exited))
  }
  // a client of the other nodes: it must keep working
  const addresses = clients.slice(1).map(port => `127.0.0.1:${port}`)
  nc = await until(() => connect({ servers: addresses, maxReconnectAttempts: -1 }), {
    deadline_ms: WITHIN_MS,
    what: 'the servers to listen',
  })
})
afterEach(async () => {
  await nc?.close()
  await end()
  if ('unmount' in disks) disks.unmount()
  removeFolder(folder)
})

/** Runs the probe with the paths and the address of this test, and returns its output. */
const probe = (): Record<string, unknown> => {
  const script = infraFile('nats', 'probe.sh')
    .replaceAll('/etc/nats', join(folder, 'etc'))
    .replaceAll('/var/lib/nats', dataOf('a'))
    .replaceAll('127.0.0.1:8222', monitor)
  const env = { ...process.env, PATH: `${STAND_INS}${delimiter}${process.env.PATH}`, CLOUD: folder }
  execFileSync('bash', ['-c', script], { env, stdio: 'pipe' })
  const [event] = JSON.parse(readFileSync(join(folder, 'log-nats-a'), 'utf8')) as { message: string }[]
  return JSON.parse(event?.message ?? '') as Record<string, unknown>
}

const hasJetStream = async (): Promise<boolean> =>
  (await fetch(`http://${monitor}/healthz?js-enabled-only=true`)).ok

const reloads = (): number =>
  readFileSync(join(dataOf('a'), 'log', 'nats-server.log'), 'utf8').split('Reloaded server configuration')
    .length - 1

/** One login that the node refuses, and two uses of subjects that a user of it may not use. */
const trespass = async (): Promise<void> => {
  const servers = `127.0.0.1:${first_port}`
  await expect(connect({ servers, user: 'few', pass: 'y' })).rejects.toThrow('Authorization Violation')
  const few = await connect({ servers, user: 'few', pass: 'x' })
  few.publish('many')
  few.subscribe('many', { callback: () => undefined })
  await few.flush()
  await few.close()
}

it('counts refused logins and violations, and a node whose disk was full has JetStream again once there is room, and is left alone before and after', async () => {
  const jsm = await jetstreamManager(nc, { checkAPI: false })
  await until(() => jsm.streams.add({ name: 'kept', subjects: ['kept'], num_replicas: 3 }), {
    deadline_ms: WITHIN_MS,
    what: 'a stream of three replicas to be made',
  })
  await until(async () => probe().healthz === 1, { deadline_ms: WITHIN_MS, what: 'the node to be well' })
  expect(reloads()).toBe(0)
  await trespass()
  expect(probe()).toMatchObject({ logins_refused: 1, violations: 2 })
  expect(probe()).toMatchObject({ logins_refused: 0, violations: 0 })
  if ('why_not' in disks) return

  disks.fill(dataOf('a'))
  const isGivenUp = async () => {
    await nc.request('kept', 'x'.repeat(10_000), { timeout: 500 }).catch(() => undefined)
    return !(await hasJetStream())
  }
  await until(isGivenUp, { deadline_ms: WITHIN_MS, what: 'the server to give JetStream up' })
  expect(probe()).toMatchObject({ healthz: 0, disk_used_percent: 100 })
  expect(await hasJetStream()).toBe(false)

  disks.free(dataOf('a'))
  expect(probe()).toMatchObject({ healthz: 0 })
  await until(async () => probe().healthz === 1, {
    deadline_ms: WITHIN_MS,
    what: 'the node to be well again',
  })
  const { state, cluster } = await jsm.streams.info('kept')
  expect(state.messages).toBeGreaterThan(0)
  expect(cluster?.replicas?.every(({ offline }) => !offline)).toBe(true)
  expect(reloads()).toBe(1)
})
