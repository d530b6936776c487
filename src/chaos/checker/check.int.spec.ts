/** The clients and the checker against one server pair and one instance: a run without faults breaks no promise. */

import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorld, TABLE, type World } from '../../../test/support/instance.js'
import { newFolder, removeFolder, until } from '../../../test/support/servers.js'
import { startClients } from '../clients/index.js'
import type { Line } from '../history.js'
import { checkRun } from './index.js'

/** What a single replica, or a quiet run, cannot show. */
const NOT_SEEN_HERE = ['copies']
const CALLS_MIN = 1_500

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

it('a run without faults breaks no promise, and every check has seen cases', async () => {
  const directory = join(folder, 'run')
  let answers = 0
  const clients = await startClients({
    groups: [{ name: 'one', urls: [world.servers.nats.url] }],
    ...{ seed: 7, clients: 6, customers: 200, rate_per_s: 120, directory },
    onLine: ({ tag }: Line) => {
      if (tag === 'answer') answers += 1
    },
  })
  await until(() => answers > CALLS_MIN, { deadline_ms: 30_000, what: `${CALLS_MIN} answers` })
  await clients.stop()

  const report = await checkRun({
    directory,
    nodes: [{ name: 'nats', url: world.servers.nats.url }],
    dynamodb_endpoint: world.servers.dynamodb.endpoint,
    ddb_table: TABLE,
    timeout_ms: 20_000,
  })

  expect(report.violations).toEqual([])
  expect(report.problems).toEqual([])
  expect(report.is_good).toBe(true)
  expect(report.checks.filter(({ cases }) => cases === 0).map(({ name }) => name)).toEqual(NOT_SEEN_HERE)
})
