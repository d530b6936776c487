/**
 * Starts a ledger as docs/deploy-aws.md does: the operator makes the streams, then one process starts for each role, and
 * every connection has a user of the guide.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, credsAuthenticator, type NatsConnection } from 'nats'
import { freePort } from '../../src/embedded/ports.js'
import { type ConfiguredNats, startConfiguredNats } from './configured-nats.js'
import { type GuideUser, readGuide } from './guide-users.js'
import { makeTrust, type Trust, type UserPermissions } from './nats-jwt.js'
import { openWorkbench, type Program, untilReady, type Workbench } from './program.js'
import { startTestDynamodb, until } from './servers.js'

const ROLES = ['commands', 'projections', 'queries', 'gateway'] as const

const APPLIED_MS_MAX = 60_000

const COMPLAINT = /"level":"(?:error|fatal)"|NATS reported an error/

/** The inbox of a user who, according to the guide, may subscribe to this inbox only. */
export const inboxOf = (user: string): string => `_INBOX.${user}`

export type LedgerWithUsers = {
  readonly bench: Workbench
  readonly users: ReadonlyMap<string, UserPermissions>
  /** The URL of the gateway. */
  readonly http_url: string
  /** The environment variables that let the program run as this user. */
  readonly envOf: (user: string) => Readonly<Record<string, string>>
  readonly connectAs: (user: string) => Promise<NatsConnection>
  /** Puts other credentials of a user in the place of the file that its processes have, and then revokes those of before. */
  readonly renew: (user: string) => Promise<void>
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

/** What `renew` does, for the users whose `credentials` are in files of `folder`. */
const createRenew = (
  folder: string,
  url: string,
  { system_creds, accountWithout }: Trust,
  credentials: Map<string, string>,
  makeCreds: (user: string) => string,
): LedgerWithUsers['renew'] => {
  const revoked: string[] = []
  return async user => {
    revoked.push(credentials.get(user) ?? '')
    const creds = makeCreds(user)
    credentials.set(user, creds)
    const file = join(folder, `${user}.creds`)
    writeFileSync(`${file}.new`, creds)
    renameSync(`${file}.new`, file)
    const system = await connect({
      servers: url.split(','),
      authenticator: credsAuthenticator(Buffer.from(system_creds)),
    })
    const answer = await system.request('$SYS.REQ.CLAIMS.UPDATE', accountWithout(...revoked))
    if (!answer.string().includes('"code":200')) throw new Error(answer.string())
    await system.close()
  }
}

type Servers = {
  /** One URL, or several with commas between them. */
  readonly url: string
  readonly violations: () => readonly string[]
}

/** Starts one server, or a cluster of them. */
const startServers = async (
  bench: Workbench,
  { changeable_conf, creds }: Trust,
  servers: 1 | 3,
): Promise<Servers> => {
  const routes = servers === 1 ? [] : await Promise.all([freePort(), freePort(), freePort()])
  const urls = routes.map(port => `nats://127.0.0.1:${port}`)
  const clusterOf = (i: number): string =>
    servers === 1
      ? ''
      : `server_name: nats-${i}\ncluster { name: users, listen: "127.0.0.1:${routes[i]}", routes: ${JSON.stringify(urls)} }`
  const logs: string[] = []
  const start = (i: number): Promise<ConfiguredNats> => {
    const log_file = join(bench.folder, `nats-${i}.log`)
    logs.push(log_file)
    const auth = changeable_conf(join(bench.folder, `accounts-${i}`))
    const config = `${auth}\njetstream { store_dir: "$STORE" }\nlog_file: ${JSON.stringify(log_file)}\n${clusterOf(i)}`
    return startConfiguredNats(config, { authenticator: credsAuthenticator(Buffer.from(creds)) })
  }
  const started = await Promise.all(Array.from({ length: servers }, (_, i) => start(i)))
  for (const { stop } of started) bench.atEnd(stop)
  return {
    url: started.map(({ url }) => url).join(','),
    violations: () =>
      logs.flatMap(file =>
        readFileSync(file, 'utf8')
          .split('\n')
          .filter(line => line.includes('Violation')),
      ),
  }
}

/** Starts the servers and the four processes; `env` is for all of them. */
export const startLedgerWithUsers = async (
  env: (folder: string) => Readonly<Record<string, string>>,
  servers: 1 | 3 = 1,
): Promise<LedgerWithUsers> => {
  const bench = openWorkbench()
  try {
    const { users, scopes } = readGuide()
    const trust = makeTrust(scopes)
    const { credsOf, scopedCredsOf } = trust
    const credsOfUser = (name: string, { permissions, scoped }: GuideUser): string =>
      scoped === undefined ? credsOf(name, permissions) : scopedCredsOf(name, scoped.role, scoped.tags)
    const nats = await startServers(bench, trust, servers)
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
        JETLEDGER_REPLICAS: String(servers),
        ...own,
      }
    }
    const connectAs = async (user: string): Promise<NatsConnection> => {
      const nc = await connect({
        servers: nats.url.split(','),
        authenticator: credsAuthenticator(Buffer.from(credentials.get(user) ?? '')),
        inboxPrefix: inboxOf(user),
        reconnect: false,
      })
      bench.atEnd(() => nc.close())
      return nc
    }
    const renew = createRenew(bench.folder, nats.url, trust, credentials, name => {
      const user = users.get(name)
      if (user === undefined) throw new Error(`there is no user ${name}`)
      return credsOfUser(name, user)
    })
    // the servers of a cluster have to find each other first
    await until(async () => (await bench.run(['stream', 'apply'], envOf('operator'))).code === 0, {
      deadline_ms: APPLIED_MS_MAX,
      what: 'the operator to have made the streams',
    })
    const { http_url, programs } = await startProcesses(bench, envOf)
    return {
      bench,
      users: new Map([...users].map(([name, { permissions }]) => [name, permissions])),
      http_url,
      envOf,
      connectAs,
      renew,
      violations: nats.violations,
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
