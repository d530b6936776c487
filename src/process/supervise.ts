/**
 * Runs the roles of a process while the ledger may be used. When it may not be used, this file stops the roles, so that
 * they forget everything, answers callers with the reason, and starts the roles anew once the ledger may be used again.
 */

import type { KV } from '@nats-io/kv'
import { type Service, startService } from '../service/service.js'
import { calledFrom } from './called.js'
import { closedEndpoints } from './closed-service.js'
import { Failure } from './failure.js'
import type { Connection, Ledger } from './open-ledger.js'
import type { RunningPart } from './projections-part.js'
import { type OnFolding, type RunningRoles, startRoles } from './roles.js'
import { VERSION } from './version.js'

export type SuperviseOptions = {
  readonly signal: AbortSignal
  /** Waits for a person where the settings of a stream differ, instead of failing. */
  readonly is_patient: boolean
  /** Work on the open ledger before its roles are started for the first time. */
  readonly first?: (ledger: Ledger) => Promise<void>
  readonly onFolding?: OnFolding
  /** Starts the projections; unless stated they run in this thread. */
  readonly startProjections?: (() => RunningPart) | undefined
  /** Is given the endpoints of this process while they serve. */
  readonly onService?: ((service: Service | undefined) => void) | undefined
}

export type Supervised = RunningRoles & {
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

/**
 * Waits until the ledger may be used, and resolves with its bucket; with undefined at the stop. Calls `close` when it
 * may take longer, so that callers get an answer meanwhile.
 */
const untilUsable = async (
  { standing }: Connection,
  { is_patient, signal }: SuperviseOptions,
  close: () => Promise<void>,
): Promise<KV | undefined> => {
  for (;;) {
    const reason = await standing.untilSettled()
    if (signal.aborted) return undefined
    if (reason !== undefined) {
      if (!is_patient && standing.reason() === undefined) throw new Failure(reason)
      await close()
    }
    const kv = await standing.untilChangedOrGood()
    if (kv !== undefined) return kv
  }
}

/** Begins to run the roles of a process over its connection. */
export const supervise = (connection: Connection, options: SuperviseOptions): Supervised => {
  const { standing, log, health } = connection
  const { signal, first, onFolding, startProjections, onService } = options
  const ending = new AbortController()
  const until = AbortSignal.any([signal, ending.signal])
  let closed_service: Service | undefined
  let roles: RunningRoles | undefined
  let tellStarted: () => void = () => undefined
  const hasStarted = new Promise<void>(resolve => {
    tellStarted = resolve
  })

  const close = async (): Promise<void> => {
    closed_service ??= await startClosed(connection)
  }
  const reopen = async (): Promise<void> => {
    await closed_service?.stop()
    closed_service = undefined
  }

  const runLife = async (is_first: boolean): Promise<void> => {
    const kv = await untilUsable(connection, { ...options, signal: until }, close)
    if (kv === undefined) return
    const ledger: Ledger = { ...connection, kv }
    if (is_first) await first?.(ledger)
    roles = await startRoles(ledger, until, { onFolding, startProjections, onService })
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
    for (let lives = 1; !until.aborted; lives += 1) await runLife(lives === 1)
  }
  const running = run()
  running.catch((thrown: unknown) =>
    health.giveUp('roles', thrown instanceof Error ? thrown.message : String(thrown)),
  )

  const started = Promise.race([hasStarted, running])
  // a caller that does not wait for `started` learns of a failure from health
  started.catch(() => undefined)

  return {
    started,
    stop: async () => {
      ending.abort()
      await standing.stop()
      await running.catch(() => undefined)
      await roles?.stop()
      await closed_service?.stop()
      await connection.close()
    },
  }
}

/** The lines that `jetledger dev` prints while the ledger cannot be used. */
export const waitingLines = (reason: string): readonly string[] => {
  const program = calledFrom(process.cwd())
  return [
    `The ledger cannot be used: ${reason}.`,
    'NATS and DynamoDB go on running, and the ledger goes on by itself once it is mended. In another terminal:',
    `  ${program} recover        says what was found and what can be done (docs/recovery.md)`,
    `  ${program} stream show    says which settings differ; "stream apply" changes them`,
    `  ${program} status         says how everything is`,
  ]
}
