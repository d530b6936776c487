/**
 * Starts a ledger as docs/deploy-aws.md does: the operator makes the streams, then one process starts for each role, and
 * every connection has a user of the guide.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, credsAuthenticator, type NatsConnection } from 'nats'
import { type ConfiguredNats, startConfiguredNats } from './configured-nats.js'
import { type GuideUser, readGuide } from './guide-users.js'
import { makeTrust, type UserPermissions } from './nats-jwt.js'
import { openWorkbench, type Program, untilReady, type Workbench } from './program.js'
import { startTestDynamodb } from './servers.js'

const ROLES = ['commands', 'projections', 'queries', 'gateway'] as const

const COMPLAINT = /"level":"(?:error|fatal)"|NATS reported an error/

/** The inbox of a user who, according to the guide, may subscribe to this inbox only. */
export const inboxOf = (user: string): string => `_INBOX.${user}`

export type LedgerWithUsers = {
  readonly bench: Workbench
  readonly users: ReadonlyMap<string, UserPermissions>
  readonly nats: ConfiguredNats
  /** The URL of the gateway. */
  readonly http_url: string
  /** The environment variables that let the program run as this user. */
  readonly envOf: (user: string) => Readonly<Record<string, string>>
  readonly connectAs: (user: string) => Promise<NatsConnection>
  /** The refusals in the server's log so far. */
  readonly violations: () => readonly string[]
  /** The errors, and the messages from NATS, in the logs of the processes. */
  readonly complaints: () => readonly string[]
  readonly stop: () => Promise<void>
}

const startProcesses = async (
  bench: Workbench,
  envOf: LedgerWithUsers['envOf'],
): Promise<{ readonly http_url: string; readonly programs: readonly Program[] }> => {
  const started = ROLES.map(role => {
    const program = bench.start(['serve', '--roles', role], { ...envOf(role), HTTP_PORT: '0' })
    return { role, program, url: () => /"url":"(http[^"]+)\/healthz"/.exec(program.stderr())?.[1] ?? '' }
  })
  for (const { role, program, url } of started) {
    await untilReady(program, `${role} to be ready`, async () => (await fetch(`${url()}/readyz`)).ok)
  }
  return { http_url: started.at(-1)?.url() ?? '', programs: started.map(({ program }) => program) }
}

/** Starts the servers and the four processes; `env` is for all of them. */
export const startLedgerWithUsers = async (
  env: (folder: string) => Readonly<Record<string, string>>,
): Promise<LedgerWithUsers> => {
  const bench = openWorkbench()
  try {
    const { users, scopes } = readGuide()
    const { auth_conf, creds, credsOf, scopedCredsOf } = makeTrust(scopes)
    const credsOfUser = (name: string, { permissions, scoped }: GuideUser): string =>
      scoped === undefined ? credsOf(name, permissions) : scopedCredsOf(name, scoped.role, scoped.tags)
    const log_file = join(bench.folder, 'nats.log')
    const nats = await startConfiguredNats(
      `${auth_conf}\njetstream { store_dir: "$STORE" }\nlog_file: ${JSON.stringify(log_file)}`,
      { authenticator: credsAuthenticator(Buffer.from(creds)) },
    )
    bench.atEnd(nats.stop)
    const dynamodb = await startTestDynamodb()
    bench.atEnd(dynamodb.stop)
    const credentials = new Map([...users].map(([name, user]) => [name, credsOfUser(name, user)]))
    const own = env(bench.folder)

    const envOf = (user: string) => {
      const file = join(bench.folder, `${user}.creds`)
      writeFileSync(file, credentials.get(user) ?? '')
      return {
        NATS_URL: nats.url,
        NATS_CREDS_FILE: file,
        NATS_INBOX_PREFIX: inboxOf(user),
        AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
        AWS_REGION: 'local',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        JETLEDGER_REPLICAS: '1',
        ...own,
      }
    }
    const connectAs = async (user: string): Promise<NatsConnection> => {
      const nc = await connect({
        servers: nats.url,
        authenticator: credsAuthenticator(Buffer.from(credentials.get(user) ?? '')),
        inboxPrefix: inboxOf(user),
        reconnect: false,
      })
      bench.atEnd(() => nc.close())
      return nc
    }
    const applied = await bench.run(['stream', 'apply'], envOf('operator'))
    if (applied.code !== 0) throw new Error(`jetledger stream apply: ${applied.stderr}`)
    const { http_url, programs } = await startProcesses(bench, envOf)
    return {
      bench,
      users: new Map([...users].map(([name, { permissions }]) => [name, permissions])),
      nats,
      http_url,
      envOf,
      connectAs,
      violations: () =>
        readFileSync(log_file, 'utf8')
          .split('\n')
          .filter(line => line.includes('Violation')),
      complaints: () =>
        programs.flatMap(program =>
          program
            .stderr()
            .split('\n')
            .filter(line => COMPLAINT.test(line)),
        ),
      stop: bench.end,
    }
  } catch (error) {
    await bench.end()
    throw error
  }
}
