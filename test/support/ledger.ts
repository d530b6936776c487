/**
 * Starts a provisioned ledger for int specs: real servers of its own, the streams, a table's name, and the projector's
 * dependencies.
 */

import { connect } from 'nats'
import { pino } from 'pino'
import { E, type TaskEither, TE } from '../../src/fp.js'
import { createHealth } from '../../src/health.js'
import type { ProjectionDeps } from '../../src/projections/deps.js'
import { manager, provision } from '../../src/stream/provision.js'
import { publish } from '../../src/stream/publish.js'
import { createTablesClient } from '../../src/tables/client.js'
import { startTestServers, type TestServers } from './servers.js'

export type TestLedger = ProjectionDeps & {
  /** The table that the command side reads. */
  readonly balancesTable: TaskEither<never, string>
  readonly servers: TestServers
  /** Publishes a body on a customer's subject; resolves with the stream sequence. */
  readonly emit: (token: string, body: unknown) => Promise<number>
  readonly stop: () => Promise<void>
}

export const LOCAL = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

/** Returns the right value; fails the test with the error of a left value. */
export const right = async <A>(task: TaskEither<unknown, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left), { cause: result.left })
  return result.right
}

/** Returns the left value of a task that has to fail. */
export const left = async <L>(task: TaskEither<L, unknown>): Promise<L> => {
  const result = await task()
  if (E.isRight(result)) throw new Error(`it should have failed, but gave ${JSON.stringify(result.right)}`)
  return result.left
}

const bytesOf = (body: unknown): string | Uint8Array =>
  typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)

export const startTestLedger = async (): Promise<TestLedger> => {
  const servers = await startTestServers()
  const nc = await connect({ servers: servers.nats.url })
  const kv = await right(provision(nc, { replicas: 1 }))
  const jsm = await right(manager(nc))
  const tables = createTablesClient({ endpoint: servers.dynamodb.endpoint, ...LOCAL })
  return {
    servers,
    nc,
    kv,
    jsm,
    tables,
    base_table: 'balances',
    balancesTable: TE.right('balances'),
    log: pino({ level: 'silent' }),
    health: createHealth(() => undefined),
    emit: async (token, body) => {
      const message = { subject: `customer.balance.${token}`, body: bytesOf(body) }
      return (await right(publish(nc, message, 5_000))).seq
    },
    stop: async () => {
      await nc.close()
      tables.destroy()
      await servers.stop()
    },
  }
}
