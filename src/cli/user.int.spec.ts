/** Who runs a subcommand, as a nats-server with logins tells it. */

import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTwoAccounts, type TwoAccounts } from '../../test/support/two-accounts.js'
import { deciderOf, operatorOf } from './user.js'

let server: TwoAccounts
let ledger: NatsConnection
let limited: NatsConnection

beforeAll(async () => {
  server = await startTwoAccounts()
  ledger = await connect({ servers: server.url, user: 'ledger', pass: 'x' })
  limited = await connect({ servers: server.url, user: 'limited', pass: 'x' })
})
afterAll(async () => {
  await Promise.all([ledger.close(), limited.close()])
  await server.stop()
})

it('it is the user of the connection, and what the person says stands behind it', async () => {
  expect(await operatorOf(ledger)).toBe('operator:LEDGER/ledger')
  const by = 'operator:LEDGER/ledger (ada@desk)'
  expect(await deciderOf(ledger, 'ada@desk')).toEqual({ by, caller: 'operator:LEDGER/ledger' })
  expect((await deciderOf(ledger, 'x'.repeat(300))).by).toHaveLength(200)
})

it('a user who may not ask is who the person says, which cannot pass for what the server says', async () => {
  expect(await deciderOf(limited, 'ada@desk')).toEqual({ by: 'ada@desk', caller: undefined })
  for (const nc of [ledger, limited])
    await expect(deciderOf(nc, 'operator:LEDGER/root')).rejects.toThrow('must not have the form of a caller')
})
