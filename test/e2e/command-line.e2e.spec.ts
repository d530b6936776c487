/** The command line without a ledger: help, wrong calls, and failures in one sentence. */

import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freePort } from '../../src/embedded/ports.js'
import { type Finished, openWorkbench, serversIn, type Workbench } from '../support/program.js'

const LOOPBACK = '127.0.0.1'

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

/** The lines for people on standard error: everything except the log. */
const said = ({ stderr }: Finished): string[] =>
  stderr.split('\n').filter(line => line !== '' && !line.startsWith('{'))

const takenPort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    bench.atEnd(() => void server.close())
    server.once('error', reject)
    server.listen(0, LOOPBACK, () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address.port)
    })
  })

it.each([
  [['frobnicate'], 'frobnicate'],
  [['publish', '678'], 'type'],
  [['publish', '678', 'credit', '1.5'], 'amount'],
  [['publish', 'two tokens', 'gift', '1'], 'client_id'],
  [['dev', '--nats-port', '70000'], '--nats-port'],
  [['dev', '--sync-interval', 'sometimes'], '--sync-interval'],
  [['dead-letters', 'show', 'first'], 'seq'],
])('a wrong call, jetledger %j, ends with 2 and says %j', async (args, named) => {
  const { code, stdout, stderr } = await bench.run(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(named)
  expect(stderr).not.toMatch(/^\s+at /m)
})

it('every wrong variable of the environment is named, at once and without a stack trace', async () => {
  const finished = await bench.run(['serve'], { LOG_LEVEL: 'loud', NATS_URL: 'http://localhost' })
  expect(finished.code).toBe(2)
  expect(said(finished)).toEqual([expect.stringMatching(/^jetledger: .*NATS_URL: .*LOG_LEVEL: /)])
})

it('a service whose tables have no region says so and ends', async () => {
  const aws = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
  const finished = await bench.run(['serve'], { ...aws, HTTP_PORT: '0', NATS_URL: `nats://${LOOPBACK}:1` })
  expect(finished.code).toBe(2)
  expect(said(finished)).toEqual([
    'jetledger: the region of DynamoDB is not known: set AWS_REGION, or name it in the profile of AWS',
  ])
})

it.each(['--nats-port', '--dynamodb-port', '--http-port'])(
  'a port that is taken, %s, is one sentence',
  async option => {
    const port = await takenPort()
    const ports = ['--nats-port', '0', '--dynamodb-port', '0', '--http-port', '0', option, String(port)]
    const finished = await bench.run(['dev', ...ports])
    expect(finished.code).toBe(1)
    expect(said(finished)).toEqual([
      `jetledger: Port ${port} is taken by another program: stop it, or choose another with ${option} (0 = a free one).`,
    ])
    expect(serversIn(bench.folder)).toEqual([])
  },
)

it('a subcommand that finds no ledger says where it looked', async () => {
  const url = `nats://${LOOPBACK}:${await freePort()}`
  const finished = await bench.run(['seed'], { NATS_URL: url })
  expect(finished.code).toBe(3)
  expect(said(finished)).toEqual([expect.stringContaining(`NATS does not answer at ${url}`)])
})
