/**
 * Upgrades nats-server on each node of a cluster, one after the other and under load, as docs/upgrade-nats.md says.
 *
 * The upgrade goes from the oldest installed version to the version that all other tests use. When only one version is
 * installed, the nodes are restarted one after the other all the same.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StoreCompression } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Cluster, NODE_NAMES, type NodeName, startCluster } from '../../src/chaos/cluster.js'
import { createNetwork } from '../../src/chaos/network.js'
import { findServerBinary, installedServers, versionOf } from '../../src/embedded/binaries.js'
import { manager } from '../../src/stream/provision.js'
import { judgeServers } from '../../src/stream/server-policy.js'
import { allSettings, LEDGER_STREAM } from '../../src/stream/settings.js'
import { type Exchange, expectDefinite, expectExact, runClients, settleOpen } from '../support/clients.js'
import { type Env, environment, fund, nth, serve } from '../support/command-load.js'
import { right } from '../support/ledger.js'
import { openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const WHOLE_MS_MAX = 60_000
const TEST_MS_MAX = 300_000
const CLIENTS = 3
const REPLICAS = 3
/** Commands that are carried out after each step, before the next one. */
const ACCEPTED_MORE = 30
/** The newest lines of the service's log that a failure shows. */
const LOG_LINES = 40
/** The log texts of a service that takes the stream for another one than before. */
const OTHER_STREAM = /made anew|set back|another one than the one that was noted/
/** The log texts of a node that could not read its store. */
const UNREADABLE = /s2:|Error recreating|resetting first/

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

type Programs = { readonly from: string; readonly to: string }

const programs = (): Programs => {
  const to = findServerBinary('nats-server')
  return { from: installedServers('nats-server').at(-1)?.path ?? to, to }
}

const start = async (program: string): Promise<{ cluster: Cluster; nc: NatsConnection; url: string }> => {
  const network = createNetwork()
  bench.atEnd(() => network.close())
  const folder = join(bench.folder, 'cluster')
  const cluster = await startCluster({ folder, network, client_groups: ['all'], program })
  bench.atEnd(() => cluster.stop())
  const url = cluster.urls('all').join(',')
  return { cluster, nc: await bench.connect(url), url }
}

/**
 * Makes the streams with compression, as earlier builds did, when the server's version supports that. Each is asked for twice, as
 * by two instances that start at a time: servers before 2.15 tell another time of making for that, once they are restarted.
 */
const makeStreams = async (nc: NatsConnection, version: string): Promise<boolean> => {
  const facts = { versions: [version], replicas: REPLICAS, compression: 's2' }
  const is_compressed = judgeServers(facts).refusal === undefined
  const jsm = await right(manager(nc))
  for (const settings of allSettings({ replicas: REPLICAS }).slice(0, is_compressed ? 2 : 0)) {
    const compressed = { ...settings, compression: StoreCompression.S2 }
    for (const what of ['a stream to be made', 'a stream to be made once more'])
      await until(() => jsm.streams.add(compressed), { deadline_ms: WHOLE_MS_MAX, what })
  }
  return is_compressed
}

const untilCurrent = async (nc: NatsConnection): Promise<void> => {
  const jsm = await right(manager(nc))
  for (const { name } of allSettings({ replicas: REPLICAS }))
    await until(
      async () => {
        const { replicas = [] } = (await jsm.streams.info(name)).cluster ?? {}
        return (
          replicas.length === REPLICAS - 1 && replicas.every(({ current, offline }) => current && !offline)
        )
      },
      { deadline_ms: WHOLE_MS_MAX, what: `all replicas of ${name} to be current` },
    )
}

/** Ends each node properly and starts it with a program, the leader last. */
const replaceAll = async (cluster: Cluster, nc: NatsConnection, program: string): Promise<void> => {
  const leader = await cluster.untilLed(LEDGER_STREAM, WHOLE_MS_MAX)
  const order: readonly NodeName[] = [...NODE_NAMES.filter(name => name !== leader), leader]
  for (const name of order) {
    await cluster.nodes[name].end()
    await cluster.nodes[name].start(program)
    await cluster.untilWhole(WHOLE_MS_MAX)
    await untilCurrent(nc)
  }
}

const killAll = async (cluster: Cluster, program: string): Promise<void> => {
  await Promise.all(NODE_NAMES.map(name => cluster.nodes[name].kill()))
  await Promise.all(NODE_NAMES.map(name => cluster.nodes[name].start(program)))
  await cluster.untilWhole(WHOLE_MS_MAX)
}

/** Runs a subcommand that has to succeed, and returns its output. */
const wants = async (args: readonly string[], env: Env): Promise<string> => {
  const { code, stdout, stderr } = await bench.run(args, env)
  expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' })
  return stdout
}

const done = (exchanges: readonly Exchange[]): number =>
  exchanges.filter(({ answer }) => answer.code === 'done').length

it(
  'a cluster gets another nats-server node by node under load: no answer is wrong, and all survive kill -9 afterwards',
  async () => {
    const { from, to } = programs()
    const { cluster, nc, url } = await start(from)
    const is_compressed = await makeStreams(nc, versionOf(from))
    const { env } = await environment(bench, url, REPLICAS)
    await serve(bench, env, 'projections')
    const commands = await serve(bench, env, 'commands')
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => bench.connect(url)))
    const exchanges: Exchange[] = []
    await fund(clients, exchanges)
    // the table was begun from an empty stream: a projector that starts now notes the first event
    await serve(bench, env, 'projections')

    let [begun, stopped] = [0, false]
    const load = runClients(
      clients,
      () => (stopped ? undefined : nth(begun++, ['transfer', 'credit'])),
      exchanges,
    )
    const goOn = async (): Promise<void> => {
      const before = exchanges.length
      const accepted = (): number => done(exchanges.slice(before))
      await until(() => accepted() >= ACCEPTED_MORE, {
        deadline_ms: WHOLE_MS_MAX,
        what: 'accepted commands',
      }).catch((cause: unknown) => {
        const codes = exchanges.slice(before).map(({ answer }) => answer.code)
        const log = commands
          .stderr()
          .split('\n')
          .filter(line => !line.includes('a request failed'))
          .slice(-LOG_LINES)
        throw new Error(`The answers: ${codes.join(' ')}\n${log.join('\n')}`, { cause })
      })
    }
    if (is_compressed) {
      await wants(['stream', 'apply'], env)
      await replaceAll(cluster, nc, from)
      await goOn()
    }
    await replaceAll(cluster, nc, to)
    await goOn()
    await killAll(cluster, to)
    await goOn()
    stopped = true
    await load
    // a process that starts compares the stream with what the table notes of it, too
    const later = await serve(bench, env, 'commands')
    expect(commands.stderr() + later.stderr()).not.toMatch(OTHER_STREAM)

    await expectDefinite(nc, exchanges)
    await settleOpen(nc, exchanges)
    await expectExact(nc, exchanges)
    await wants(['verify'], env)
    const { servers, warnings } = JSON.parse(await wants(['status', '--json'], env))
    expect(servers).toEqual({
      seen: NODE_NAMES.map(name => ({ name, version: versionOf(to) })),
      unseen: [],
    })
    expect(warnings).toEqual(
      judgeServers({ versions: [versionOf(to)], replicas: REPLICAS, compression: 'none' }).warnings,
    )
    for (const name of NODE_NAMES)
      expect(readFileSync(cluster.nodes[name].log_file, 'utf8')).not.toMatch(UNREADABLE)
  },
  TEST_MS_MAX,
)
