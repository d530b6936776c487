/** Tests compose.yaml as far as possible without Docker: the settings of every service, and that the programs accept them. */

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { NATS_SERVER } from '../infra/nats/release.js'
import { findServerBinary } from '../src/embedded/binaries.js'
import { CLIENT_PINGS, ROUTE_PINGS } from '../src/embedded/pings.js'
import { E } from '../src/fp.js'
import { authorizationBlock, passwordVariable } from '../src/permissions/render.js'
import { inboxPrefixOf, USERS } from '../src/permissions/users.js'
import { decodeConfig } from '../src/process/config.js'
import { newFolder, removeFolder } from './support/servers.js'

type Service = {
  readonly image: string
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly read_only?: boolean
  readonly init?: boolean
  readonly cap_drop?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const file = fileURLToPath(new URL('../compose.yaml', import.meta.url))
const pins = fileURLToPath(new URL('../scripts/servers.json', import.meta.url))
const compose = parse(readFileSync(file, 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
  readonly configs: { readonly nats: { readonly content: string } }
  readonly volumes: object
}
const { services } = compose
const named = (prefix: string): [string, Service][] =>
  Object.entries(services).filter(([name]) => name.startsWith(prefix))
const ours = Object.entries(services).filter(([, { image }]) => image === 'jetledger')

/** Replaces `${NAME:-default}` by its default, as when NAME is not set. */
const defaults = (text: string): string => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1')

const folder = newFolder()
afterAll(() => removeFolder(folder))

describe('compose.yaml', () => {
  it('runs three NATS servers, two processes of each role, one for operations, a gateway, a DynamoDB, and programs that run once', () => {
    expect(Object.keys(services).map(name => name.replace(/-\d$/, ''))).toEqual([
      ...Array(3).fill('nats'),
      'dynamodb',
      'operator',
      'seed',
      'verify',
      'replay',
      ...['commands', 'projections', 'queries'].flatMap(role => [role, role]),
      'operations',
      'gateway',
    ])
  })

  it("pins everybody else's images by version and digest, and nats-server, whose digest nobody published, by version", () => {
    for (const [name, { image }] of Object.entries(services)) {
      if (image === 'jetledger') continue
      const digest = name.startsWith('nats-') ? '' : '@sha256:[0-9a-f]{64}'
      expect(image, name).toMatch(new RegExp(`:\\d+\\.\\d+\\.\\d+[\\w.-]*${digest}$`))
    }
  })

  it('runs the nats-server that the nodes on AWS and the tests run', () => {
    const newest = JSON.parse(readFileSync(pins, 'utf8'))['nats-server'].sources[0].version
    expect(NATS_SERVER).toMatchObject({
      version: newest,
      tarball: `nats-server-v${newest}-linux-arm64.tar.gz`,
    })
    for (const [name, { image }] of named('nats-')) expect(image, name).toBe(`nats:${newest}-alpine`)
  })

  it.each(ours)('%s gets an environment that the program takes', (_, { environment = {} }) => {
    const env = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, defaults(value)]),
    )
    expect(decodeConfig(env)).toMatchObject(E.right({ JETLEDGER_REPLICAS: 3, AWS_REGION: 'local' }))
  })

  it.each(ours)(
    '%s connects as the user of its role, with a password that .env has',
    (name, { environment = {} }) => {
      const user = USERS.find(one => one === name.replace(/-\d$/, '')) ?? expect.fail('no such user')
      expect(environment).toMatchObject({
        NATS_USER: user,
        NATS_PASSWORD: `\${${passwordVariable(user)}}`,
        NATS_INBOX_PREFIX: inboxPrefixOf(user),
      })
      expect(environment.JETLEDGER_ROLES ?? user).toBe(user)
    },
  )

  it.each(ours)(
    '%s has a read-only root, no capabilities and an init, and waits for healthy servers',
    (_, service) => {
      expect(service).toMatchObject({ read_only: true, init: true, cap_drop: ['ALL'] })
      expect(Object.keys(service.depends_on ?? {})).toEqual(['nats-1', 'nats-2', 'nats-3', 'dynamodb'])
      for (const name of Object.keys(service.depends_on ?? {})) {
        expect(service.depends_on?.[name]?.condition).toBe('service_healthy')
        expect(services[name]?.healthcheck, name).toBeDefined()
      }
    },
  )

  it('keeps what has to last in volumes of its own', () => {
    const kept = [...named('nats-'), ...named('dynamodb')].flatMap(([, { volumes = [] }]) => volumes)
    expect(kept.map(volume => volume.split(':')[0]).toSorted()).toEqual(
      Object.keys(compose.volumes).toSorted(),
    )
    expect(new Set(kept).size).toBe(4)
  })

  it('listens on this machine only', () => {
    const ports = Object.values(services).flatMap(service => service.ports ?? [])
    expect(ports).toHaveLength(3)
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
  })

  it.each(named('nats-'))('%s has a configuration that nats-server takes', (name, { environment }) => {
    const { NAME, ...passwords } = environment ?? {}
    expect(NAME).toBe(name)
    expect(Object.keys(passwords)).toEqual(USERS.map(passwordVariable))
    // compose starts no server without them
    for (const value of Object.values(passwords)) expect(value).toMatch(/^\$\{JETLEDGER_[A-Z]+_PASSWORD:\?/)
    writeFileSync(join(folder, 'users.conf'), authorizationBlock())
    const text = compose.configs.nats.content.replaceAll('$$', '$').replace('/data', join(folder, name))
    expect(text).toContain('sync_interval: always')
    // the same pings as in other deployments: a frozen instance or node is noticed within seconds
    for (const line of [CLIENT_PINGS, ROUTE_PINGS].flatMap(lines => lines.split('\n')))
      expect(text).toContain(line.trim())
    expect(text.match(/ping_max/g)).toHaveLength(2)
    const conf = join(folder, `${name}.conf`)
    writeFileSync(conf, text)
    const said = execFileSync(findServerBinary('nats-server'), ['--config', conf, '-t'], {
      env: { NAME: name, ...Object.fromEntries(Object.keys(passwords).map(each => [each, 'p1234e5'])) },
      stdio: 'pipe',
    })
    expect(said.toString()).toBe('')
    for (const [peer] of named('nats-')) expect(text).toContain(`nats://${peer}:6222`)
  })
})
