/** A load on the command side: processes over given servers, accounts with funds, and the same commands in every run. */

import type { NatsConnection } from 'nats'
import { expect } from 'vitest'
import { type Exchange, runClients } from './clients.js'
import { type DynamodbProcess, startDynamodbProcess } from './dynamodb-process.js'
import type { Request } from './model.js'
import { type Program, untilReady, type Workbench } from './program.js'

export const ACCOUNTS = 20
export const FUNDS = 1_000n
export const ANSWERED_MS_MAX = 30_000

export type Env = Readonly<Record<string, string>>

/** Starts a DynamoDB server. Returns the environment for `serve`, and the DynamoDB server, which a test may kill. */
export const environment = async (
  bench: Workbench,
  nats_url: string,
  replicas: number,
): Promise<{ env: Env; dynamodb: DynamodbProcess }> => {
  const dynamodb = await startDynamodbProcess(bench.folder)
  bench.atEnd(() => dynamodb.kill())
  const env = {
    NATS_URL: nats_url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'dummy',
    AWS_SECRET_ACCESS_KEY: 'dummy',
    JETLEDGER_REPLICAS: String(replicas),
    HTTP_PORT: '0',
  }
  return { env, dynamodb }
}

/** Starts a process with these roles and waits until it is ready. */
export const serve = async (bench: Workbench, env: Env, roles: string): Promise<Program> => {
  const program = bench.start(['serve'], { ...env, JETLEDGER_ROLES: roles })
  await untilReady(program, `${roles} to be ready`, async () => {
    const port = /http:\/\/0\.0\.0\.0:(\d+)\/healthz/.exec(program.stderr())?.[1]
    if (port === undefined) return false
    return roles !== 'commands' || program.stderr().includes('customer.transfer')
  })
  return program
}

const account = (n: number): string => `acc-${n % ACCOUNTS}`

/** The `n`th command of a load, the same in every run. Many commands are refused, because amounts are large. */
export const nth = (n: number, types: readonly Request['type'][]): Request => ({
  type: types[n % types.length] ?? 'transfer',
  from: account(n * 7),
  to: account(n * 7 + 1 + (n % (ACCOUNTS - 1))),
  amount: BigInt(1 + ((n * 389) % 700)),
  reference: undefined,
  transaction_id: `load-${n}`,
})

/** Gives every account its funds, with one command each. */
export const fund = async (clients: readonly NatsConnection[], exchanges: Exchange[]): Promise<void> => {
  const waiting = Array.from(
    { length: ACCOUNTS },
    (_, i): Request => ({
      type: 'credit',
      from: account(i),
      to: '',
      amount: FUNDS,
      reference: undefined,
      transaction_id: `fund-${i}`,
    }),
  )
  await runClients(clients, () => waiting.shift(), exchanges)
  expect(exchanges.map(({ answer }) => answer.code)).toEqual(Array(ACCOUNTS).fill('done'))
}
