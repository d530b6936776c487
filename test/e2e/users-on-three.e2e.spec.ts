/** The users of docs/deploy-aws.md on a cluster of three servers: everybody does the same as on one, and no server refuses it. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LedgerWithUsers, startLedgerWithUsers } from '../support/ledger-with-users.js'
import { tokens, tourWithUsers } from '../support/users-tour.js'

let ledger: LedgerWithUsers

beforeAll(async () => {
  ledger = await startLedgerWithUsers(tokens, 3)
})
afterAll(() => ledger?.stop())

it('the roles and their clients do all that they are for, with three replicas of everything', async () => {
  const admin = await ledger.connectAs('admin')
  await tourWithUsers(ledger, admin)
  const info = await admin.request('$JS.API.STREAM.INFO.customer-balances', '')
  expect(info.json()).toMatchObject({ config: { num_replicas: 3 }, cluster: { replicas: [{}, {}] } })
})
