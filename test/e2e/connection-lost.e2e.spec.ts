/** A process ends when it has lost its connection to NATS for good, so that its supervisor starts another one. */

import { afterEach, beforeEach, expect, it } from 'vitest'
import { startConfiguredNats } from '../support/configured-nats.js'
import { startMeddler } from '../support/meddler.js'
import { openWorkbench, type Program, untilReady, type Workbench } from '../support/program.js'
import { startTestServers, until } from '../support/servers.js'

const END_MS_MAX = 20_000

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

const AWS = { AWS_REGION: 'local', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' }

/** Starts roles and waits until all of them work; also returns the address of their HTTP port. */
const serve = async (
  roles: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly program: Program; readonly url: string }> => {
  const program = bench.start(['serve', '--roles', roles], {
    ...AWS,
    HTTP_PORT: '0',
    JETLEDGER_REPLICAS: '1',
    ...env,
  })
  const url = (): string | undefined => /"url":"(http:[^"]+)\/healthz"/.exec(program.stderr())?.[1]
  await untilReady(program, `${roles} to work`, async () => {
    const found = url()
    return found !== undefined && (await fetch(`${found}/readyz`)).status === 200
  })
  return { program, url: url() ?? '' }
}

const ended = async (program: Program): Promise<void> => {
  await until(() => !program.running(), { deadline_ms: END_MS_MAX, what: 'the process to end by itself' })
  expect(await program.end('SIGKILL')).toEqual({ code: 1, signal: null })
  expect(program.stderr()).toContain('the connection to NATS is closed for good')
  // the projections have a connection of their own, and either may end first
  expect(program.stderr()).toMatch(/"part":"nats( of the projections)?","state":"down"/)
}

it('where NATS sends what is not its protocol, whatever the roles', async () => {
  const servers = await startTestServers()
  bench.atEnd(servers.stop)
  const meddler = await startMeddler(servers.nats.url)
  bench.atEnd(meddler.stop)
  const env = { NATS_URL: meddler.url, AWS_ENDPOINT_URL_DYNAMODB: servers.dynamodb.endpoint }
  const all = await serve('commands,projections,queries', env)
  const gateway = await serve('gateway', env)
  meddler.meddle('GARBAGE\r\n')
  await Promise.all([ended(all.program), ended(gateway.program)])
  for (const { program } of [all, gateway]) expect(program.stderr()).toContain('is not its protocol')
})

it('where NATS lets it in no longer', async () => {
  const open = 'no_auth_user: a\nauthorization { users: [ { user: a, password: x } ] }'
  const closed = 'authorization { users: [ { user: b, password: y } ] }'
  const nats = await startConfiguredNats(open)
  bench.atEnd(nats.stop)
  const { program } = await serve('gateway', { NATS_URL: nats.url })
  nats.reload(closed)
  await ended(program)
})
