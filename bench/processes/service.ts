/** Starts the built `jetledger serve` in a process of its own. */

import { closeSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { type Child, startChild } from './child.js'

export type ServiceOptions = {
  readonly nc: NatsConnection
  readonly nats_url: string
  readonly dynamodb_endpoint: string
  /** The number of replicas of the streams. */
  readonly replicas: 1 | 3
  /** Which events have rows in the table, as in JETLEDGER_JOURNAL. */
  readonly journal: 'every-event' | 'savepoints'
  /** The folder of its log. */
  readonly folder: string
  /** The roles, as in JETLEDGER_ROLES. */
  readonly roles: string
  /** Additional environment variables of the process. */
  readonly env?: Readonly<Record<string, string>>
  /** The folder that receives a CPU profile of the process when it ends. */
  readonly profile_dir?: string
}

/**
 * For a process with the role `commands` alone: the table was filled before, and no projector runs meanwhile, so commands
 * must not be slowed to the speed of one.
 */
export const WITHOUT_PROJECTOR = { JETLEDGER_LAG_MAX_S: '0' } as const

const READY_MS_MAX = 30_000
const PING_MS_MAX = 250
const LOG_LINES_SHOWN = 5

/** The user may have variables for another ledger; none of them may reach the measured process. */
const OWN_VARIABLES = /^(NATS_|AWS_|DDB_|JETLEDGER_|HTTP_PORT$|LOG_LEVEL$)/

export type Addresses = Pick<ServiceOptions, 'nats_url' | 'dynamodb_endpoint' | 'replicas' | 'journal'>

/** The program's environment: the variables of this ledger, without the user's own ones for another ledger. */
export const environmentOf = ({
  nats_url,
  dynamodb_endpoint,
  replicas,
  journal,
}: Addresses): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN_VARIABLES.test(name))),
  NATS_URL: nats_url,
  AWS_ENDPOINT_URL_DYNAMODB: dynamodb_endpoint,
  AWS_REGION: 'local',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  JETLEDGER_REPLICAS: String(replicas),
  JETLEDGER_JOURNAL: journal,
  HTTP_PORT: '0',
  LOG_LEVEL: 'warn',
})

/** Starts the service. The result names its log file, for the error text when it ends early. */
export const startService = (options: ServiceOptions): Child & { readonly log_file: string } => {
  const { folder, roles, profile_dir, env } = options
  const log_file = join(folder, `serve-${roles.replaceAll(',', '-')}.log`)
  const output = openSync(log_file, 'a')
  try {
    const child = startChild('program', {
      args: ['serve'],
      env: { ...environmentOf(options), JETLEDGER_ROLES: roles, ...env },
      cwd: folder,
      output,
      exec_args: profile_dir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', resolve(profile_dir)],
    })
    return { ...child, log_file }
  } finally {
    closeSync(output)
  }
}

const endOf = (file: string): string =>
  readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n')

const answersPing = (nc: NatsConnection): Promise<boolean> =>
  nc.request('$SRV.PING.customer', '', { timeout: PING_MS_MAX }).then(
    () => true,
    () => false,
  )

/** Waits until `ready` returns true. Throws with the end of the log when the process ends or takes too long. */
export const untilReady = async (
  service: ReturnType<typeof startService>,
  ready: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> => {
  let ended: string | undefined
  void service.ended.then(how => {
    ended = how
  })
  const deadline_ms = performance.now() + READY_MS_MAX
  while (!(await ready())) {
    signal.throwIfAborted()
    if (ended !== undefined || performance.now() > deadline_ms) {
      const what = ended ?? `was not ready in ${READY_MS_MAX} ms`
      throw new Error(`jetledger serve ${what}. The end of its log:\n${endOf(service.log_file)}`)
    }
    await pause(PING_MS_MAX / 5)
  }
}

/** Starts the service and waits until it answers a NATS ping. */
export const startReadyService = async (options: ServiceOptions, signal: AbortSignal): Promise<Child> => {
  const service = startService(options)
  try {
    await untilReady(service, () => answersPing(options.nc), signal)
    return service
  } catch (error) {
    await service.stop()
    throw error
  }
}
