/**
 * The self-hosted NATS of the template: the user-data of the nodes, started on this machine, forms a cluster that loses
 * nothing while its nodes are replaced.
 */

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { Template } from 'aws-cdk-lib/assertions'
import { connect, credsAuthenticator, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CONFIGS } from '../../infra/config.js'
import { buildForTest } from '../../infra/testing/templates.js'
import { type Cloud, openCloud, type Rendered } from '../support/nats-cloud.js'
import { makeTrust } from '../support/nats-jwt.js'
import type { Machine } from '../support/nats-machine.js'
import { newFolder, until } from '../support/servers.js'

const CURRENT_MS_MAX = 60_000
const STREAM = 'kept'

/** Replaces each token of CloudFormation by a unique text, and keeps the other values. */
const resolved = (value: unknown): string => {
  if (typeof value === 'string') return value
  const [[name, argument]] = Object.entries(value as object) as [[string, unknown]]
  if (name === 'Fn::Base64') return resolved(argument)
  if (name === 'Fn::Join') return (argument as [string, unknown[]])[1].map(resolved).join('')
  return [argument].flat().join('-')
}

const renderNodes = (): Rendered[] => {
  const { nats } = buildForTest({ stage: 'prod', nats: 'self-hosted' }, CONFIGS.prod, false)
  if (nats === undefined) throw new Error('the app has no NATS of its own')
  const templates = Object.values(Template.fromStack(nats).findResources('AWS::EC2::LaunchTemplate'))
  return templates.map(({ Properties }, i) => ({
    host: nats.cluster.nodes[i]?.host ?? '',
    user_data: resolved(Properties.LaunchTemplateData.UserData),
  }))
}

let cloud: Cloud
let nc: NatsConnection
const machines: Machine[] = []
let written = 0

beforeAll(async () => {
  const trust = makeTrust()
  cloud = await openCloud(newFolder(), renderNodes(), trust.auth_conf)
  // one node after the other, as CloudFormation creates groups that depend on each other
  for (const place of [0, 1, 2]) {
    const machine = await cloud.launch(place)
    machines[place] = machine
    await machine.booted()
  }
  nc = await connect({
    servers: cloud.url.split(','),
    tls: { ca: cloud.ca },
    authenticator: credsAuthenticator(new TextEncoder().encode(trust.creds)),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  })
  const manager = await jetstreamManager(nc, { checkAPI: false })
  await until(() => manager.streams.add({ name: STREAM, subjects: [STREAM], num_replicas: 3 }), {
    deadline_ms: CURRENT_MS_MAX,
    what: 'a stream of three replicas to be made',
  })
})
afterAll(async () => {
  await nc?.close()
  cloud?.end()
})

/** Publishes the same id until it is acknowledged, so that the message is stored once. */
const write = async (): Promise<void> => {
  written += 1
  const id = String(written)
  await until(() => jetstream(nc).publish(STREAM, id, { msgID: id, timeout: 1_000 }), {
    deadline_ms: CURRENT_MS_MAX,
    what: 'the stream to take a message',
  })
}

const info = async () => (await jetstreamManager(nc, { checkAPI: false })).streams.info(STREAM)

/** Expects every replica to be current, and the stream to hold every acknowledged message. */
const expectWhole = async (): Promise<void> => {
  const { cluster, state } = await until(
    async () => {
      const found = await info()
      const replicas = found.cluster?.replicas ?? []
      return replicas.length === 2 && replicas.every(({ current, offline }) => current && !offline) && found
    },
    { deadline_ms: CURRENT_MS_MAX, what: 'three current replicas' },
  )
  const names = [cluster?.leader, ...(cluster?.replicas ?? []).map(({ name }) => name)]
  expect(names.toSorted()).toEqual(['a', 'b', 'c'].map(letter => `jetledger-prod-nats-${letter}`))
  expect(state.messages).toBe(written)
}

const replace = async (place: number, meanwhile: () => void = () => undefined): Promise<void> => {
  await cloud.terminate(machines[place] as Machine)
  meanwhile()
  await write()
  const successor = await cloud.launch(place)
  machines[place] = successor
  await write()
  await successor.booted()
}

it('three nodes are a cluster of TLS, JWT and three replicas', async () => {
  await write()
  await expectWhole()
  await expect(
    connect({ servers: cloud.url.split(','), tls: { ca: cloud.ca }, reconnect: false }),
  ).rejects.toThrow(/authorization/i)
})

it('a node says once a minute how it is', () => {
  expect(machines[1]?.probe('nats-b')).toEqual({
    metric: 'nats_node',
    node: 'nats-b',
    healthz: 1,
    disk_used_percent: expect.any(Number),
    logins_refused: expect.any(Number),
    violations: expect.any(Number),
  })
})

it('the leader is replaced: writes go on, and the new instance finds the volume of the old one', async () => {
  const leader = (await info()).cluster?.leader?.at(-1) ?? ''
  await replace(['a', 'b', 'c'].indexOf(leader))
  await expectWhole()
})

it('a node whose volume is lost gets an empty one, and is called healthy when it holds everything again', async () => {
  await replace(0, () => cloud.loseVolume(0))
  expect((await info()).cluster?.replicas?.map(({ current }) => current)).toEqual([true, true])
  await expectWhole()
})

it('an instance with another nats-server than the pinned one starts none, and tells CloudFormation', async () => {
  await cloud.terminate(machines[1] as Machine)
  cloud.spoilTarball()
  const spoilt = await cloud.launch(1)
  await expect(spoilt.booted()).rejects.toThrow(/signal "FAILURE"[\s\S]*checksum/)
  expect(spoilt.pid()).toBeUndefined()
  await write()
})
