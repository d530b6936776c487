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
import type { Provider } from './provider.js'
import { changeAccount, readAccount } from './self-hosted/account.js'
import { withRevocations } from './self-hosted/claims.js'
import { now_s, signJwt } from './self-hosted/jwt.js'
import { listAccounts, update } from './self-hosted/resolver.js'
import { visit } from './self-hosted/visit.js'
import { type Account, DEFAULT_LIMITS, type Desired, type LedgerUser } from './state.js'
import { type OperatorNats, startOperatorNats } from './testing/servers.js'

const user = (kind: User, name: string = kind, customers: readonly string[] = []): LedgerUser => ({
  kind,
  name,
  customers,
})
const USERS = [
  user('commands'),
  user('operator'),
  user('reader', 'app'),
  user('reader', 'web'),
  user('publisher', 'shop', ['4711', 'AbC']),
]
const desiredOf = (account: string, users = USERS, more: Partial<Desired> = {}): Desired => ({
  account,
  limits: DEFAULT_LIMITS,
  deployment: {},
  users,
  ...more,
})

let server: OperatorNats
const connections: NatsConnection[] = []
beforeAll(async () => {
  server = await startOperatorNats()
})
afterAll(async () => {
  await Promise.all(connections.map(nc => nc.close()))
  await server?.stop()
})

const applyOn = async (provider: Provider, desired: Desired): Promise<Account> => {
  const found = await run(findAccount(provider, desired.account))
  const state = found === undefined ? undefined : await run(provider.read(found))
  return run(carryOut(provider, desired.account, found, changesOf(desired, state)))
}

describe.each([['servers of our own', (): Provider => server.provider]] as const)('%s', (_, providerOf) => {
  const applied = (desired: Desired): Promise<Account> => applyOn(providerOf(), desired)
  const connectAs = async (account: Account, name: string, kind: string = name): Promise<NatsConnection> => {
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
  const fill = async (account: Account): Promise<NatsConnection> => {
    const operator = await connectAs(account, 'operator')
    await run(provision(operator, { replicas: 1 }))
    await operator.request('customer.balance.678', '{"type":"credit","amount":1}')
    return operator
  }

  it('makes an account and users that may do what their kinds may, and nothing else', async () => {
    const account = await applied(desiredOf('POC-AA'))
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
    const account = await applied(desiredOf('POC-BB'))
    const state = await run(providerOf().read(account))
    expect(changesOf(desiredOf('POC-BB'), state)).toEqual([])
    const commands = await connectAs(account, 'commands')
    const other_inbox = () => commands.publish('_INBOX_acme.x')
    expect(await refusalOf(commands, other_inbox)).toBe('publish _INBOX_acme.x')
    const more = {
      limits: { ...DEFAULT_LIMITS, connections: 9 },
      deployment: { reply_prefixes: ['_INBOX_acme'] },
    }
    await applied(desiredOf('POC-BB', USERS, more))
    expect(await run(providerOf().read(account))).toMatchObject({
      limits: { connections: 9, payload_bytes: 1_048_576 },
    })
    const again = await connectAs(account, 'commands')
    again.publish('_INBOX_acme.x')
    expect(await refusalOf(again, () => again.publish('the.end'))).toBe('publish the.end')
  })

  it('ends a user that is no more in the file, and no other one', async () => {
    const account = await applied(desiredOf('POC-CC'))
    const creds = await run(providerOf().creds(account, 'app'))
    const [app, web] = [await connectAs(account, 'app'), await connectAs(account, 'web')]
    await applied(
      desiredOf(
        'POC-CC',
        USERS.filter(({ name }) => name !== 'app'),
      ),
    )
    await until(() => app.isClosed(), { deadline_ms: 5_000, what: 'the end of a revoked connection' })
    await expect(server.connect(creds, inboxPrefixOf('app'))).rejects.toThrow(/authorization/i)
    expect(web.isClosed()).toBe(false)
    expect((await run(providerOf().read(account))).users.map(({ name }) => name)).not.toContain('app')
    // a new user of the old name has credentials of its own
    await applied(desiredOf('POC-CC'))
    expect(await run(providerOf().creds(account, 'app'))).not.toBe(creds)
    await connectAs(account, 'app')
  })

  it('deletes no account that holds messages, unless it is forced, and then for good', async () => {
    const account = await applied(desiredOf('POC-DD'))
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
    const anew = await applied(desiredOf('POC-DD'))
    const found = await streamInfo(await connectAs(anew, 'operator'), 'customer-balances')()
    expect(found).toMatchObject({ left: { tag: 'NotFound' } })
  })

  it('deletes an account that never held anything, and refuses what it cannot do', async () => {
    const provider = providerOf()
    const account = await applied(desiredOf('POC-EE', [user('operator')]))
    expect(await provider.creds(account, 'nobody')()).toMatchObject({ left: { tag: 'NotFound' } })
    expect(await provider.revokeUser(account, 'nobody')()).toMatchObject({ left: { tag: 'NotFound' } })
    await run(provider.remove(account, false))
    expect(await needAccount(provider, 'POC-EE')()).toMatchObject({ left: { tag: 'NotFound' } })
  })
})

describe('on servers of our own', () => {
  const applied = (desired: Desired): Promise<Account> => applyOn(server.provider, desired)
  const connectAs = async (account: Account, name: string): Promise<NatsConnection> => {
    const nc = await server.connect(await run(server.provider.creds(account, name)), inboxPrefixOf(name))
    connections.push(nc)
    return nc
  }

  it('a deletion that was ended amid lets the users in again when it refuses', async () => {
    const account = await applied(desiredOf('LOCKED', [user('operator')]))
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
    const account = await applied(desiredOf('GONE', [user('operator')]))
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
    await applied(desiredOf('HUGE'))
  })

  it('a server without the resolver is named as such', async () => {
    const plain = await startConfiguredNats('')
    const nc = await connect({ servers: plain.url })
    await expect(listAccounts(nc)).rejects.toThrow(/full resolver/)
    await nc.close()
    await plain.stop()
  })
})
