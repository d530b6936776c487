/** Accounts and users of both providers, on a real nats-server: what they may do, and what ends with them. */

import { connect, errors, type NatsConnection, nkeys } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startConfiguredNats } from '../../test/support/configured-nats.js'
import { until } from '../../test/support/servers.js'
import { E, run } from '../fp.js'
import { inboxPrefixOf, type User } from '../permissions/users.js'
import { provision, streamInfo } from '../stream/provision.js'
import { carryOut, findAccount, needAccount } from './carry-out.js'
import { changesOf } from './changes.js'
import type { Provider, ProviderError } from './provider.js'
import { changeAccount, readAccount } from './self-hosted/account.js'
import { withRevocations } from './self-hosted/claims.js'
import { now_s, signJwt } from './self-hosted/jwt.js'
import { listAccounts, update } from './self-hosted/resolver.js'
import { visit } from './self-hosted/visit.js'
import { DEFAULT_LIMITS, type Desired, type LedgerUser, type NatsAccount } from './state.js'
import { openSynadia } from './synadia/provider.js'
import { type OperatorNats, startOperatorNats } from './testing/servers.js'
import { type StandIn, startStandIn } from './testing/stand-in.js'

const user = (kind: User, name: string = kind, customers: readonly string[] = []): LedgerUser => ({
  kind,
  name,
  customers,
})
const [COMMANDS, OPERATOR, SHOP] = [
  user('commands'),
  user('operator'),
  user('publisher', 'shop', ['4711', 'AbC']),
]
const [APP, WEB] = [user('reader', 'app'), user('reader', 'web')]
const desiredOf = (account: string, users: readonly LedgerUser[], more: Partial<Desired> = {}): Desired => ({
  account,
  limits: DEFAULT_LIMITS,
  deployment: {},
  users,
  ...more,
})

let server: OperatorNats
let cloud: StandIn
let synadia: Provider
const connections: NatsConnection[] = []
beforeAll(async () => {
  server = await startOperatorNats()
  cloud = await startStandIn(server)
  synadia = await run(openSynadia(cloud.system_id, { base_url: cloud.url, token: () => cloud.token }))
})
afterAll(async () => {
  await cloud?.stop()
  await Promise.all(connections.map(nc => nc.close()))
  await server?.stop()
})

const applyOn = async (provider: Provider, desired: Desired): Promise<NatsAccount> => {
  const found = await run(findAccount(provider, desired.account))
  const state = found === undefined ? undefined : await run(provider.read(found))
  return run(carryOut(provider, desired.account, found, changesOf(desired, state)))
}

describe.each([
  ['servers of our own', (): Provider => server.provider],
  ['Synadia Cloud', (): Provider => synadia],
] as const)('%s', (_, providerOf) => {
  const applied = (desired: Desired): Promise<NatsAccount> => applyOn(providerOf(), desired)
  const connectAs = async (
    account: NatsAccount,
    name: string,
    kind: string = name,
  ): Promise<NatsConnection> => {
    const creds = await run(providerOf().creds(account, name))
    const nc = await server.connect(creds, inboxPrefixOf(kind))
    connections.push(nc)
    return nc
  }
  /** What the server says to a publication or subscription that the user may not do. */
  const refusalOf = async (nc: NatsConnection, act: () => void): Promise<string> => {
    const refused = (async () => {
      for await (const status of nc.status())
        if (status.type === 'error' && status.error instanceof errors.PermissionViolationError)
          return `${status.error.operation} ${status.error.subject}`
      return ''
    })()
    act()
    await nc.flush()
    return refused
  }
  const fill = async (account: NatsAccount): Promise<NatsConnection> => {
    const operator = await connectAs(account, 'operator')
    await run(provision(operator, { replicas: 1 }))
    await operator.request('customer.balance.678', '{"type":"credit","amount":1}')
    return operator
  }

  it('makes an account and users that may do what their kinds may, and nothing else', async () => {
    const account = await applied(desiredOf('POC-AA', [COMMANDS, SHOP, APP]))
    expect(await run(providerOf().accounts())).toContainEqual({
      ...account,
      name: 'POC-AA',
      is_system: false,
    })
    const commands = await connectAs(account, 'commands')
    commands.subscribe('customer.event.*', {
      queue: 'q',
      callback: (_, { reply = '', subject }) => commands.publish(reply, subject),
    })
    const refused = await refusalOf(commands, () => commands.subscribe('customer.event.*'))
    expect(refused).toBe('subscription customer.event.*')
    const shop = await connectAs(account, 'shop')
    for (const customer of ['4711', 'AbC'])
      expect((await shop.request(`customer.event.${customer}`)).string()).toBe(`customer.event.${customer}`)
    expect(await refusalOf(shop, () => shop.publish('customer.event.abc'))).toBe('publish customer.event.abc')
    const app = await connectAs(account, 'app')
    expect(await refusalOf(app, () => app.publish('customer.credit'))).toBe('publish customer.credit')
  })

  it('finds nothing to change in what it made, and changes limits and rights under living users', async () => {
    const account = await applied(desiredOf('POC-BB', [COMMANDS]))
    const state = await run(providerOf().read(account))
    expect(changesOf(desiredOf('POC-BB', [COMMANDS]), state)).toEqual([])
    const commands = await connectAs(account, 'commands')
    const other_inbox = () => commands.publish('_INBOX_acme.x')
    expect(await refusalOf(commands, other_inbox)).toBe('publish _INBOX_acme.x')
    const more = {
      limits: { ...DEFAULT_LIMITS, connections: 9 },
      deployment: { reply_prefixes: ['_INBOX_acme'] },
    }
    await applied(desiredOf('POC-BB', [COMMANDS], more))
    expect(await run(providerOf().read(account))).toMatchObject({
      limits: { connections: 9, payload_bytes: 1_048_576 },
    })
    const again = await connectAs(account, 'commands')
    again.publish('_INBOX_acme.x')
    expect(await refusalOf(again, () => again.publish('the.end'))).toBe('publish the.end')
  })

  it('ends a user that is no more in the file, and no other one', async () => {
    const account = await applied(desiredOf('POC-CC', [APP, WEB]))
    const creds = await run(providerOf().creds(account, 'app'))
    const [app, web] = [await connectAs(account, 'app'), await connectAs(account, 'web')]
    await applied(desiredOf('POC-CC', [WEB]))
    await until(() => app.isClosed(), { deadline_ms: 5_000, what: 'the end of a revoked connection' })
    await expect(server.connect(creds, inboxPrefixOf('app'))).rejects.toThrow(/authorization/i)
    expect(web.isClosed()).toBe(false)
    expect((await run(providerOf().read(account))).users.map(({ name }) => name)).not.toContain('app')
    // a new user of the old name has credentials of its own
    await applied(desiredOf('POC-CC', [APP, WEB]))
    expect(await run(providerOf().creds(account, 'app'))).not.toBe(creds)
    await connectAs(account, 'app')
  })

  it('deletes no account that holds messages, unless it is forced, and then for good', async () => {
    const account = await applied(desiredOf('POC-DD', [OPERATOR]))
    const operator = await fill(account)
    const refused = await providerOf().remove(account, false)()
    expect(refused).toMatchObject({
      left: { tag: 'Refused', message: expect.stringMatching(/customer-balances \(1 messages\)/) },
    })
    await operator.flush()
    const creds = await run(providerOf().creds(account, 'operator'))
    await run(providerOf().remove(account, true))
    await expect(server.connect(creds, inboxPrefixOf('operator'))).rejects.toThrow()
    expect(await run(findAccount(providerOf(), 'POC-DD'))).toBeUndefined()
    const anew = await applied(desiredOf('POC-DD', [OPERATOR]))
    const found = await streamInfo(await connectAs(anew, 'operator'), 'customer-balances')()
    expect(found).toMatchObject({ left: { tag: 'NotFound' } })
  })

  it('deletes an account that never held anything, and refuses what it cannot do', async () => {
    const provider = providerOf()
    const account = await applied(desiredOf('POC-EE', [OPERATOR]))
    expect(await provider.creds(account, 'nobody')()).toMatchObject({ left: { tag: 'NotFound' } })
    expect(await provider.revokeUser(account, 'nobody')()).toMatchObject({ left: { tag: 'NotFound' } })
    await run(provider.remove(account, false))
    expect(await needAccount(provider, 'POC-EE')()).toMatchObject({ left: { tag: 'NotFound' } })
  })
})

describe('on servers of our own', () => {
  const applied = (desired: Desired): Promise<NatsAccount> => applyOn(server.provider, desired)
  const connectAs = async (account: NatsAccount, name: string): Promise<NatsConnection> => {
    const nc = await server.connect(await run(server.provider.creds(account, name)), inboxPrefixOf(name))
    connections.push(nc)
    return nc
  }

  it('a deletion that was ended amid lets the users in again when it refuses', async () => {
    const account = await applied(desiredOf('LOCKED', [OPERATOR]))
    const operator = await connectAs(account, 'operator')
    await run(provision(operator, { replicas: 1 }))
    await operator.request('customer.balance.678', '{"type":"credit","amount":1}')
    const read = await readAccount(server, account)
    await changeAccount(server, read, withRevocations(read.claims.nats, { '*': now_s() }))
    await expect(connectAs(account, 'operator')).rejects.toThrow(/authorization/i)
    expect(await server.provider.remove(account, false)()).toMatchObject({ left: { tag: 'Refused' } })
    await connectAs(account, 'operator')
  })

  it('a deleted account has no streams any more, even when its key is used again', async () => {
    const account = await applied(desiredOf('GONE', [OPERATOR]))
    const key = server.keys.of(account.id)?.account()
    const { claims } = await readAccount(server, account)
    await run(provision(await connectAs(account, 'operator'), { replicas: 1 }))
    await run(server.provider.remove(account, true))
    if (key === undefined) throw new Error('The account has no key')
    await update(
      server.system,
      account.id,
      signJwt(server.keys.signing(), { ...claims, type: 'account', iat_s: now_s() }),
    )
    await visit(server.connect, key, now_s(), async ({ hasJetStream, holdings }) =>
      expect([await hasJetStream(), await holdings()]).toEqual([true, []]),
    )
    // a server that was away brings the account back like this
    await run(server.provider.remove(account, false))
    expect(await run(findAccount(server.provider, 'GONE'))).toBeUndefined()
  })

  it('an account whose JWT somebody else signed is neither believed nor signed', async () => {
    const account = await applied(desiredOf('FORGED', []))
    const foreign = nkeys.createOperator()
    const nats = { limits: { conn: -1 } }
    const forged = signJwt(foreign, {
      sub: account.id,
      name: 'FORGED',
      type: 'account',
      nats,
      iat_s: now_s() + 1,
    })
    await update(server.system, account.id, forged)
    const denied = { left: { tag: 'Denied', message: expect.stringContaining('not signed by the operator') } }
    expect(await server.provider.read(account)()).toMatchObject(denied)
    expect(await server.provider.setLimits(account, DEFAULT_LIMITS)()).toMatchObject(denied)
    expect(await server.provider.remove(account, true)()).toMatchObject(denied)
  })

  it('each change of an account has a later time than the one before, also within a second', async () => {
    const account = await applied(desiredOf('TIMES', []))
    const times = [(await readAccount(server, account)).claims.iat]
    for (const connections of [1, 2]) {
      await run(server.provider.setLimits(account, { ...DEFAULT_LIMITS, connections }))
      times.push((await readAccount(server, account)).claims.iat)
    }
    expect(new Set(times).size).toBe(3)
    expect(times.toSorted((a, b) => a - b)).toEqual(times)
  })

  it('two accounts of one name are not guessed between', async () => {
    await run(server.provider.create('TWICE', DEFAULT_LIMITS))
    await run(server.provider.create('TWICE', DEFAULT_LIMITS))
    const found = await findAccount(server.provider, 'TWICE')()
    expect(E.isLeft(found) && found.left.message).toBe('Found multiple accounts with name TWICE, aborting')
  })

  it('a limit that the servers have no room for is named', async () => {
    const limits = { ...DEFAULT_LIMITS, disk_bytes: Number.MAX_SAFE_INTEGER }
    expect(await server.provider.create('HUGE', limits)()).toMatchObject({
      left: { tag: 'Refused', message: expect.stringContaining('no JetStream') },
    })
    await applied(desiredOf('HUGE', []))
  })

  it('a server without the resolver is named as such', async () => {
    const plain = await startConfiguredNats('')
    const nc = await connect({ servers: plain.url })
    await expect(listAccounts(nc)).rejects.toThrow(/full resolver/)
    await nc.close()
    await plain.stop()
  })
})

describe('at Synadia Cloud', () => {
  const applied = (desired: Desired): Promise<NatsAccount> => applyOn(synadia, desired)

  it('each refusal is told by its status, and shows neither the token nor more than a line of the answer', async () => {
    const wrong = await run(openSynadia(cloud.system_id, { base_url: cloud.url, token: () => 'uat_wrong' }))
    const denied = await wrong.accounts()()
    expect(denied).toMatchObject({ left: { tag: 'Denied', message: expect.stringContaining('401') } })
    expect(JSON.stringify(denied)).not.toContain('uat_wrong')
    for (const [status, tag] of [
      [403, 'Denied'],
      [404, 'NotFound'],
      [422, 'Refused'],
      [500, 'Unreachable'],
    ] as const) {
      cloud.answerOnce(/^GET/, { status, body: 'x'.repeat(1_000) })
      const { left } = (await synadia.accounts()()) as { left: ProviderError }
      expect([left.tag, left.message.length < 500]).toEqual([tag, true])
    }
    cloud.answerOnce(/^GET/, { status: 200, body: '<html>' })
    expect(await synadia.accounts()()).toMatchObject({ left: { tag: 'BadAnswer' } })
    cloud.answerOnce(/^POST/, { status: 502 })
    expect(await synadia.create('POC-FF', DEFAULT_LIMITS)()).toMatchObject({ left: { tag: 'Unclear' } })
    const away = await run(openSynadia('s', { base_url: 'http://127.0.0.1:1', token: () => 'x' }))
    expect(await away.accounts()()).toMatchObject({ left: { tag: 'Unreachable' } })
    expect(await openSynadia('s', { base_url: 'http://a.example', token: () => 'x' })()).toMatchObject({
      left: { message: expect.stringContaining('https only') },
    })
  })

  it('a user who would get other customers, or rights that were changed, is not made', async () => {
    const account = await applied(desiredOf('POC-GG', [user('publisher', 'shop', ['4711'])]))
    const tags = { tags: ['customer:abc'] }
    cloud.answerOnce(/^POST .*nats-users$/, {
      status: 201,
      body: { id: 'made', name: 'b', user_public_key: 'U', jwt_settings: tags },
    })
    cloud.answerOnce(/^DELETE nats-users\/made$/, { status: 204 })
    expect(await synadia.createUser(account, user('publisher', 'b', ['AbC']))()).toMatchObject({
      left: { tag: 'Refused', message: expect.stringContaining('AbC as abc') },
    })
    expect(cloud.requests.at(-1)).toBe('DELETE nats-users/made')
    cloud.answerOnce(/^POST .*groups$/, { status: 201, body: { id: 'g', name: 'reader', scope: {} } })
    const rights = { publish: ['customer.balance'], subscribe: [] }
    expect(await synadia.setRights(account, 'reader', rights)()).toMatchObject({ left: { tag: 'BadAnswer' } })
  })

  it('an account is not deleted while it is not known what it holds', async () => {
    const account = await applied(desiredOf('POC-HH', []))
    cloud.answerOnce(/jetstream$/, { status: 200, body: { items: [{ config: { name: 'x' } }] } })
    expect(await synadia.remove(account, false)()).toMatchObject({ left: { tag: 'BadAnswer' } })
    expect(await run(findAccount(synadia, 'POC-HH'))).toEqual(account)
  })

  it('a user is revoked before it is deleted', async () => {
    const account = await applied(desiredOf('POC-II', [APP]))
    const before = cloud.requests.length
    await run(synadia.revokeUser(account, 'app'))
    const changes = cloud.requests.slice(before).filter(request => !request.startsWith('GET'))
    expect(changes.map(request => request.replace(/[\w-]{36}/g, '*'))).toEqual([
      'PUT accounts/*/nats-user-revocations/U-app',
      'DELETE nats-users/*',
    ])
  })
})
