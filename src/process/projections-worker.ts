/**
 * The thread of the projections, as `projections-thread.ts` starts it: it connects to the ledger when it is told to, and
 * runs the projections until it is told to stop.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { createHealth, type Health, renamed } from '../health.js'
import { metrics } from '../metrics.js'
import { manager, openBucket } from '../stream/provision.js'
import { createTablesClient } from '../tables/client.js'
import type { Environment } from './environment.js'
import { orFail } from './failure.js'
import { provesLeader } from './leave-cut-off.js'
import { createLog } from './log.js'
import { connectForEver } from './nats.js'
import { type RunningPart, runProjections } from './projections-part.js'
import type { Notice, Order, ThreadData } from './projections-thread.js'

if (parentPort === null) throw new Error('this module runs as a thread of a process')
const port = parentPort
const { log_level, is_pretty }: ThreadData = workerData
const log = createLog(log_level, is_pretty)
const tell = (notice: Notice): void => port.postMessage(notice)

/** Health that passes every change on to the process. */
const createForwardedHealth = (): Health => {
  const own = createHealth(() => undefined)
  return {
    ...own,
    report: (part, state, detail = '') => {
      const before = own.of(part)
      if (before?.state === state && before.detail === detail) return
      own.report(part, state, detail)
      tell({ tag: 'health', part, entry: { state, detail } })
    },
    giveUp: (part, detail) => tell({ tag: 'gave-up', part, detail }),
  }
}
const health = createForwardedHealth()
const connection_health = renamed(health, part => `${part} of the projections`)

const start = async ({ config, aws }: Environment): Promise<RunningPart> => {
  const nc = await connectForEver(config, log, connection_health, provesLeader)
  const tables = createTablesClient({
    endpoint: config.AWS_ENDPOINT_URL_DYNAMODB,
    region: aws?.region ?? config.AWS_REGION,
    credentials: aws?.credentials,
  })
  const jsm = await orFail(manager(nc))
  const kv = await orFail(openBucket(nc))
  const projections = runProjections(config, { nc, jsm, kv, tables, log, health })
  return {
    stop: async () => {
      await projections.stop()
      // a connection that was lost for good is closed already
      if (!nc.isClosed()) await nc.drain()
      tables.destroy()
    },
  }
}

/** The projections from their start on; `is_up` once they have their clients. */
type Run = { readonly part: Promise<RunningPart>; is_up: boolean }
let run: Run | undefined

const fail = (err: unknown): void => {
  log.error({ err }, 'the projections cannot run')
  tell({ tag: 'gave-up', part: 'projections', detail: err instanceof Error ? err.message : String(err) })
}

const begin = (environment: Environment): void => {
  const begun: Run = { part: start(environment), is_up: false }
  begun.part.then(() => {
    begun.is_up = true
  }, fail)
  run = begun
}

const stop = async (): Promise<void> => {
  const stopped = run?.part.then(part => part.stop())
  // a start may wait for NATS for ever, and a stop does not wait for it
  if (run?.is_up === true) await stopped
  else stopped?.catch(fail)
  run = undefined
}

port.on('message', (order: Order) => {
  if (order.tag === 'start') begin(order.environment)
  if (order.tag === 'stop') {
    void stop()
      .catch(fail)
      .then(() => tell({ tag: 'stopped' }))
  }
  if (order.tag === 'metrics') void metrics.families().then(families => tell({ tag: 'metrics', families }))
})
