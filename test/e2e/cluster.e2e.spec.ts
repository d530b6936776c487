/** `jetledger dev --cluster`: three replicas as in production, and the loss of the leader. */

import { afterEach, beforeEach, expect, it } from 'vitest'
import { SERVERS } from '../../src/process/server-health.js'
import { judgeServers } from '../../src/stream/server-policy.js'
import { expectLetters, expectStored } from '../support/checks.js'
import { startLoad, untilAcknowledged } from '../support/load.js'
import { killNow, openWorkbench, type Workbench } from '../support/program.js'
import { healthOf, untilEqualsFold } from '../support/questions.js'
import { until } from '../support/servers.js'

const CAUGHT_UP_MS_MAX = 30_000
const HEALED_MS_MAX = 30_000
const EVENTS_PER_S = 200
const NAMES = ['nats-1', 'nats-2', 'nats-3']

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

type Replica = { readonly name: string; readonly current: boolean; readonly offline?: boolean }
type Shown = {
  readonly config: { readonly name: string; readonly num_replicas: number }
  readonly cluster: { readonly leader?: string; readonly replicas?: readonly Replica[] }
  readonly differences: readonly string[]
}

const streams = async (): Promise<Shown[]> => {
  const { code, stdout, stderr } = await bench.run(['stream', 'show', '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Shown[]
}

/** Waits until each stream has a leader and two current followers, and returns the streams. */
const untilWhole = (): Promise<Shown[]> =>
  until(
    async () => {
      const shown = await streams()
      const whole = ({ cluster: { leader, replicas = [] } }: Shown): boolean =>
        leader !== undefined &&
        replicas.length === 2 &&
        replicas.every(({ current, offline }) => current && !offline)
      return shown.every(whole) ? shown : undefined
    },
    { deadline_ms: HEALED_MS_MAX, what: 'three current replicas of every stream' },
  )

const membersOf = ({ cluster: { leader = '', replicas = [] } }: Shown): string[] =>
  [leader, ...replicas.map(({ name }) => name)].toSorted()

type Status = {
  readonly servers: {
    readonly seen: readonly { readonly name: string; readonly version: string }[]
    readonly unseen: readonly string[]
  }
  readonly warnings: readonly string[]
}
const statusOf = async (): Promise<Status> => {
  const { code, stdout, stderr } = await bench.run(['status', '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Status
}

/** True when every part is ok, and the part of the servers has the state `servers`. */
const isWell = ({ status, parts }: Awaited<ReturnType<typeof healthOf>>, servers: string): boolean =>
  status === 200 &&
  Object.entries(parts).every(([part, { state }]) => state === (part === SERVERS ? servers : 'ok'))

it('three replicas survive the leader of the stream being killed with -9, and it comes back by itself', async () => {
  const dev = await bench.dev('--cluster')
  const nc = await bench.connect(dev.nats_url)
  await untilEqualsFold(nc, CAUGHT_UP_MS_MAX)
  const before = await untilWhole()
  expect(before.map(({ config }) => config)).toMatchObject([
    { name: 'customer-balances', num_replicas: 3 },
    { name: 'customer-dead-letters', num_replicas: 3 },
    { name: 'KV_config', num_replicas: 3 },
  ])
  expect(before.map(membersOf)).toEqual([NAMES, NAMES, NAMES])
  expect(before.flatMap(({ differences }) => differences)).toEqual([])

  const load = startLoad(nc, { name: 'cluster', events_per_s: EVENTS_PER_S, tries_max: 200 })
  await untilAcknowledged(load, EVENTS_PER_S)
  const leader = before[0]?.cluster.leader
  const killed = dev.servers().find(({ name }) => name === leader)
  killNow(killed?.pid ?? 0)
  await until(() => dev.servers().some(({ name, pid }) => name === leader && pid !== killed?.pid), {
    deadline_ms: HEALED_MS_MAX,
    what: `${leader} to come back`,
  })
  const at_return = load.acknowledged()
  await untilAcknowledged(load, at_return + EVENTS_PER_S)
  const acknowledged = await load.stop()

  await expectStored(nc, acknowledged)
  await expectLetters(nc, await untilEqualsFold(nc, CAUGHT_UP_MS_MAX))
  expect((await untilWhole()).map(membersOf)).toEqual([NAMES, NAMES, NAMES])
  const { servers, warnings } = await statusOf()
  const versions = servers.seen.map(({ version }) => version)
  expect(servers).toEqual({ seen: NAMES.map(name => ({ name, version: versions[0] })), unseen: [] })
  expect(warnings).toEqual(judgeServers({ versions, replicas: 3, compression: 'none' }).warnings)
  // warnings about an old server are shown, and do not change the other parts
  const expected = warnings.length === 0 ? 'ok' : 'degraded'
  await until(async () => isWell(await healthOf(dev.health_url), expected), {
    deadline_ms: HEALED_MS_MAX,
    what: `health to be well again, and its servers ${expected}`,
  })
  expect(await dev.end('SIGINT')).toEqual({ code: 0, signal: null })
})
