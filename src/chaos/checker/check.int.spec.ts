/** The clients and the checker with one server of each kind and one instance: a run without faults breaks no promise. */

import { join } from 'node:path'
import { connect } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorld, TABLE, type World } from '../../../test/support/instance.js'
import { newFolder, removeFolder, until } from '../../../test/support/servers.js'
import { declareAsset, startClients } from '../clients/index.js'
import type { HistoryLine } from '../history.js'
import { checkRun, startObserver } from './index.js'

/** The checks that a run with a single replica cannot try. */
const NOT_SEEN_HERE = ['copies']
/** The number of successful calls that each kind needs, so that every check has a case to look at. */
const DONE_MIN = 3
const KINDS = 19
/** Longer than for other tests: this one starts servers, waits for answers and reads everything, maybe on a busy machine. */
const RUN_MS_MAX = 240_000

/** Counts by kind the calls that were answered without an error. */
const createTally = () => {
  const kinds = new Map<number, string>()
  const done = new Map<string, number>()
  return {
    hear: (line: HistoryLine): void => {
      if (line.tag === 'call') kinds.set(line.op, line.kind)
      if (line.tag !== 'answer' || line.headers['Nats-Service-Error'] !== undefined) return
      const kind = kinds.get(line.op) ?? ''
      done.set(kind, (done.get(kind) ?? 0) + 1)
    },
    isEnough: (): boolean => done.size === KINDS && [...done.values()].every(count => count >= DONE_MIN),
  }
}

let world: World
let folder: string

beforeAll(async () => {
  folder = newFolder()
  world = await startWorld()
  await world.start()
})
afterAll(async () => {
  await world?.stop()
  removeFolder(folder)
})

it(
  'a run without faults breaks no promise, and every check has seen cases',
  async () => {
    const directory = join(folder, 'run')
    const tally = createTally()
    const place = {
      directory,
      nodes: [{ name: 'nats', url: world.servers.nats.url }],
      dynamodb_endpoint: world.servers.dynamodb.endpoint,
      ddb_table: TABLE,
    }
    const nc = await connect({ servers: world.servers.nats.url })
    await declareAsset(nc)
    await nc.close()
    const clients = await startClients({
      groups: [{ name: 'one', urls: [world.servers.nats.url] }],
      ...{ seed: 7, clients: 4, customers: 100, rate_per_s: 20, directory },
      onLine: tally.hear,
    })
    const observer = await startObserver(place)
    await until(tally.isEnough, { deadline_ms: 110_000, what: `${DONE_MIN} answers of each kind` })
    await clients.stop()
    await observer.stop()

    const report = await checkRun({ ...place, timeout_ms: 20_000 })

    expect(report.violations).toEqual([])
    expect(report.problems).toEqual([])
    expect(report.is_good).toBe(true)
    expect(report.checks.filter(({ cases }) => cases === 0).map(({ name }) => name)).toEqual(NOT_SEEN_HERE)
  },
  RUN_MS_MAX,
)
