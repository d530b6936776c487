/** The clients and the checker against one server pair and one instance: a run without faults breaks no promise. */

import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorld, TABLE, type World } from '../../../test/support/instance.js'
import { newFolder, removeFolder, until } from '../../../test/support/servers.js'
import { startClients } from '../clients/index.js'
import type { Line } from '../history.js'
import { checkRun, startObserver } from './index.js'

/** What a single replica, or a quiet run, cannot show. */
const NOT_SEEN_HERE = ['copies']
const CALLS_MIN = 600
/** It starts servers, waits for answers, and reads everything: more than others where the machine is busy. */
const RUN_MS_MAX = 150_000

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
    let answers = 0
    const place = {
      directory,
      nodes: [{ name: 'nats', url: world.servers.nats.url }],
      dynamodb_endpoint: world.servers.dynamodb.endpoint,
      ddb_table: TABLE,
    }
    const clients = await startClients({
      groups: [{ name: 'one', urls: [world.servers.nats.url] }],
      ...{ seed: 7, clients: 6, customers: 200, rate_per_s: 60, directory },
      onLine: ({ tag }: Line) => {
        if (tag === 'answer') answers += 1
      },
    })
    const observer = await startObserver(place)
    await until(() => answers > CALLS_MIN, { deadline_ms: 60_000, what: `${CALLS_MIN} answers` })
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
