/**
 * Runs the roles of a process while the ledger may be used. When it may not be, the roles are stopped, with all that they
 * remember, callers are answered with the reason, and the roles are started anew once it may be used again.
 */

import type { KV } from '@nats-io/kv'
import { type Service, startService } from '../service/service.js'
import { closedEndpoints } from './closed-service.js'
import { Failure } from './failure.js'
import type { Connection, Ledger } from './open-ledger.js'
import { type Instance, type OnFolding, startRoles } from './roles.js'
import { VERSION } from './version.js'

export type SuperviseOptions = {
  readonly signal: AbortSignal
  /** Waits for a person where the settings of a stream differ, instead of failing. */
  readonly is_patient: boolean
  /** What is done on the open ledger before its roles are started for the first time. */
  readonly first?: (ledger: Ledger) => Promise<void>
  readonly onFolding?: OnFolding
}

export type Supervised = Instance & {
  /** Resolves once the roles are started; rejects when they cannot be. */
  readonly started: Promise<void>
}

const startClosed = async ({ nc, config, log, standing }: Connection): Promise<Service | undefined> => {
  const endpoints = closedEndpoints(config, () => standing.reason() ?? 'it is being opened again')
  if (endpoints.length === 0) return undefined
  const description = 'customer service, standing still'
  return startService(nc, {
    name: 'customer',
    version: VERSION,
    description,
    log,
    reply_prefixes: config.JETLEDGER_REPLY_PREFIXES,
    endpoints,
  })
}

/** The bucket of a ledger that may be used; `closed` is told when callers have to be answered meanwhile. */
const untilUsable = async (
  { standing }: Connection,
  { is_patient, signal }: SuperviseOptions,
  closed: () => Promise<void>,
): Promise<KV | undefined> => {
  for (;;) {
    const reason = await standing.untilSettled()
    if (signal.aborted) return undefined
    if (reason !== undefined) {
      if (!is_patient && standing.reason() === undefined) throw new Failure(reason)
      await closed()
    }
    const kv = await standing.untilChangedOrGood()
    if (kv !== undefined) return kv
  }
}

/** Starts to run the roles over a connection. */
export const supervise = (connection: Connection, options: SuperviseOptions): Supervised => {
  const { standing, log, health } = connection
  const { signal, first, onFolding } = options
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  let closed: Service | undefined
  let roles: Instance | undefined
  let tellStarted: () => void = () => undefined
  const hasStarted = new Promise<void>(resolve => {
    tellStarted = resolve
  })

  const close = async (): Promise<void> => {
    closed ??= await startClosed(connection)
  }
  const reopen = async (): Promise<void> => {
    await closed?.stop()
    closed = undefined
  }

  const life = async (isFirst: boolean): Promise<void> => {
    const kv = await untilUsable(connection, { ...options, signal: until }, close)
    if (kv === undefined) return
    const ledger: Ledger = { ...connection, kv }
    if (isFirst) await first?.(ledger)
    roles = await startRoles(ledger, until, onFolding)
    await reopen()
    tellStarted()
    await standing.untilStopped()
    if (until.aborted) return
    log.error({ reason: standing.reason() }, 'the roles are stopped until the ledger may be used again')
    await close()
    await roles.stop()
    roles = undefined
  }

  const run = async (): Promise<void> => {
    for (let lives = 1; !until.aborted; lives += 1) await life(lives === 1)
  }
  const running = run()
  running.catch((thrown: unknown) =>
    health.giveUp('roles', thrown instanceof Error ? thrown.message : String(thrown)),
  )

  const started = Promise.race([hasStarted, running])
  // whoever does not wait for it learns of a failure by health
  started.catch(() => undefined)

  return {
    started,
    stop: async () => {
      ending.abort()
      await standing.stop()
      await running.catch(() => undefined)
      await roles?.stop()
      await closed?.stop()
      await connection.close()
    },
  }
}

/** What a person reads who waits for a ledger that cannot be used, line by line. */
export const waitingLines = (reason: string): readonly string[] => [
  `The ledger cannot be used: ${reason}.`,
  'NATS and DynamoDB go on running, and the ledger goes on by itself once it is mended. In another terminal:',
  '  npx jetledger recover        says what was found and what can be done (docs/recovery.md)',
  '  npx jetledger stream show    says which settings differ; "stream apply" changes them',
  '  npx jetledger status         says how everything is',
]
