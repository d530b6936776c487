/**
 * The users of docs/deploy-aws.md: the four roles and their clients work with them, and a user who may only ask, or only store
 * the events of one customer, cannot cause any other write.
 */

import type { NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROUTES } from '../../src/gateway/routes.js'
import { inParallel } from '../../src/parallel.js'
import {
  attackByHeaders,
  attackByListening,
  attackByReply,
  attackByTrace,
  attackDirectly,
  watchRefusals,
} from '../support/attacks.js'
import { inboxOf, type LedgerWithUsers, startLedgerWithUsers } from '../support/ledger-with-users.js'
import { until } from '../support/servers.js'
import { readStores, type Stores } from '../support/stores.js'
import { ask, httpAs, MS_MAX, READER, runAs, tokens, tourWithUsers } from '../support/users-tour.js'

/** Users who must not write to the ledger's streams. */
const OUTSIDERS = ['reader', 'client', 'shop', 'gateway']

let ledger: LedgerWithUsers
let admin: NatsConnection

beforeAll(async () => {
  ledger = await startLedgerWithUsers(tokens)
  admin = await ledger.connectAs('admin')
})
afterAll(() => ledger?.stop())

const allowedOf = (user: string): readonly string[] => ledger.users.get(user)?.pub?.allow ?? []

const http = (path: string, token: string, init?: RequestInit): Promise<Response> =>
  httpAs(ledger, path, token, init)

it('the roles and their clients do all that they are for, and the server refuses none of it', () =>
  tourWithUsers(ledger, admin))

/**
 * Expects JetStream's content to be as before. Two users may store an event each; these two events are stored last, so that
 * no earlier message is still on its way.
 */
const expectUntouched = async (before: Stores): Promise<void> => {
  const [shop, client] = [await ledger.connectAs('shop'), await ledger.connectAs('client')]
  const last = before.messages.filter(line => line.startsWith('customer-balances ')).length
  expect(await ask(shop, 'customer.event.4711', { type: 'credit', amount: 1 })).toMatchObject({
    seq: last + 1,
  })
  const fence = { client_id: 'fence', amount: 1, transaction_id: `fence-${last}` }
  expect(await ask(client, 'customer.credit', fence)).toMatchObject({ seq: last + 2 })
  const after = await readStores(admin)
  const fresh = (line: string): boolean =>
    line.startsWith(`customer-balances ${last + 1} customer.balance.4711 `) ||
    line.startsWith(`customer-balances ${last + 2} customer.balance.fence `)
  expect(after.messages.filter(fresh)).toHaveLength(2)
  expect({ ...after, messages: after.messages.filter(line => !fresh(line)) }).toEqual(before)
}

describe.each(OUTSIDERS)('%s', user => {
  it('is allowed by name what it may, and nothing of JetStream', () => {
    expect(ledger.users.get(user)?.sub).toEqual({ allow: [`${inboxOf(user)}.>`] })
    for (const subject of allowedOf(user))
      expect(subject).toMatch(
        /^(customer\.(operations\.)?[a-z]+|customer\.event\.4711|\$SRV\.PING\.customer)$/,
      )
    expect(allowedOf(user)).not.toEqual([])
  })

  it('can make nothing be written by what it publishes, by replies, traces and headers, or hear another', async () => {
    const before = await readStores(admin)
    const nc = await ledger.connectAs(user)
    const { refused } = watchRefusals(nc)
    const allowed = allowedOf(user)
    const expected = [...attackDirectly(nc, allowed), ...attackByListening(nc)]
    attackByReply(nc, allowed)
    attackByTrace(nc, allowed, inboxOf(user))
    attackByHeaders(nc, allowed, inboxOf(user))
    await nc.flush()
    await until(() => expected.every(attempt => refused.has(attempt)), {
      deadline_ms: MS_MAX,
      what: 'the server to refuse every attempt',
    }).catch(() => undefined)
    expect(expected.filter(attempt => !refused.has(attempt))).toEqual([])
    await expectUntouched(before)
  })
})

describe('a token that may only read', () => {
  const HEADERS = {
    'NatsH-Nats-Trace-Dest': 'customer.balance.victim',
    'NATSH-Nats-Msg-Id': 'x',
    'Nats-Trace-Dest': '$KV.config.projection.ledger',
    'Nats-Rollup': 'all',
    'Ledger-Caller': 'admin',
    'X-HTTP-Method-Override': 'POST',
    'Idempotency-Key': 'read-only',
    'Content-Type': 'application/json',
  }
  const BODY = '{"client_id":"victim","amount":1000000,"from":"678","to":"victim"}'

  const SUBJECTS = [
    ...ROUTES.map(({ subject }) => subject),
    'customer.balance.victim',
    'customer.event.victim',
    'customer.dead-letter.x.1',
    '$KV.config.seed',
    '$JS.API.STREAM.PURGE.customer-balances',
    '$SRV.PING.customer',
    'customer.balance%20customer.balance.victim',
    'customer.balance%0d%0aPUB%20customer.balance.victim%202%0d%0a%7b%7d',
  ]
  const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  const pathOf = (path: string): string => path.replaceAll(/\{\w+\}/g, '678')

  const attackSubjects = async (): Promise<void> => {
    for (const subject of SUBJECTS)
      await inParallel(Object.keys(HEADERS).length, Object.entries(HEADERS), async ([name, value]) => {
        const init = { method: 'POST', headers: { [name]: value }, body: BODY }
        await http(`/v1/nats/subjects/${subject}`, READER, init)
      })
  }

  const attackRoute = async (path: string): Promise<void> => {
    for (const method of METHODS) {
      const body = method === 'GET' ? {} : { body: BODY }
      const { status } = await http(pathOf(path), READER, { method, headers: HEADERS, ...body })
      expect(status, `${method} ${path}`).toBeLessThan(500)
    }
  }

  it('writes nothing by any route or subject, whatever its headers and bodies', async () => {
    const before = await readStores(admin)
    await attackSubjects()
    for (const { path } of ROUTES) await attackRoute(path)
    for (const { path, method } of ROUTES.filter(({ effect }) => effect === 'write')) {
      const headers = { 'content-type': 'application/json' }
      const { status } = await http(pathOf(path), READER, { method, headers, body: BODY })
      expect(status, path).toBe(403)
    }
    await expectUntouched(before)
  })
})

it('the program that seeds does all that it is for, and the server refuses none of it', async () => {
  const before = ledger.violations().length
  expect(await runAs(ledger, 'seed', 'seed')).toContain('seeded 1000 customers')
  expect(ledger.violations()).toHaveLength(before)
})

it('what is compared is not blind: one write of the admin shows', async () => {
  const before = await readStores(admin)
  await admin.request('$KV.config.made-up', 'x', { timeout: MS_MAX })
  expect(await readStores(admin)).not.toEqual(before)
  expect(ledger.violations().length).toBeGreaterThan(0)
})
