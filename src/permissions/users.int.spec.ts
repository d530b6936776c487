/**
 * Tries every user on every subject, on a real nats-server, in both forms in which the rights are handed out. What each user
 * may do is stated by hand (testing/rights.ts); everything else has to be refused.
 */

import { connect, credsAuthenticator, errors, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConfiguredNats, startConfiguredNats } from '../../test/support/configured-nats.js'
import { makeTrust } from '../../test/support/nats-jwt.js'
import { until } from '../../test/support/servers.js'
import { run, TE } from '../fp.js'
import { createHealth } from '../health.js'
import { startStanding } from '../process/standing.js'
import { consumerProgress, ensureConsumer, makeConsumer, restartConsumer } from '../stream/consumer.js'
import { manager, provision, provisionBeside } from '../stream/provision.js'
import { authorizationBlock, claimsOf, passwordVariable, SCOPED, templateOf } from './render.js'
import { inEveryGroup, MAY_PUBLISH, MAY_SUBSCRIBE } from './testing/rights.js'
import { PUBLISHED, SUBSCRIBED } from './testing/tried.js'
import { inboxPrefixOf, permissionsOf, type User } from './users.js'

/** The users of this test, each with the name that stands in its inboxes. */
const NAMES: ReadonlyMap<User, string> = new Map(
  (Object.keys(MAY_PUBLISH) as User[]).map(user => [user, user === 'publisher' ? 'shop' : user]),
)
const nameOf = (user: User): string => NAMES.get(user) ?? user

const textOf = ({
  subject,
  queue,
}: {
  readonly subject: string
  readonly queue?: string | undefined
}): string => (queue === undefined ? subject : `${subject} as ${queue}`)

/** Publishes and subscribes to everything, and returns what the server refused. */
const tryAll = async (nc: NatsConnection): Promise<ReadonlySet<string>> => {
  const refused = new Set<string>()
  const watch = async (): Promise<void> => {
    for await (const status of nc.status()) {
      if (status.type !== 'error' || !(status.error instanceof errors.PermissionViolationError)) continue
      const { operation, subject, queue } = status.error
      refused.add(`${operation} ${textOf({ subject, queue })}`)
    }
  }
  void watch()
  // a body that no API of the server takes, so that an allowed request changes nothing
  for (const subject of PUBLISHED) nc.publish(subject, 'x')
  for (const { subject, queue } of SUBSCRIBED) {
    const callback = (): void => undefined
    nc.subscribe(subject, queue === undefined ? { callback } : { callback, queue })
  }
  await nc.flush()
  // the server's refusals come before the answer to this one, which every user may not publish
  nc.publish('the.end', '')
  await until(() => refused.has('publish the.end'), { deadline_ms: 30_000, what: 'the last refusal' })
  refused.delete('publish the.end')
  return refused
}

const expectedOf = (user: User): ReadonlySet<string> => {
  const own = [`_INBOX.${nameOf(user)}.>`, `_INBOX.${nameOf(user)}.x`]
  const published = new Set(MAY_PUBLISH[user])
  const subscribed = new Set([...inEveryGroup(own), ...(MAY_SUBSCRIBE[user] ?? [])])
  return new Set([
    ...PUBLISHED.filter(subject => !published.has(subject)).map(subject => `publish ${subject}`),
    ...SUBSCRIBED.map(textOf)
      .filter(text => !subscribed.has(text))
      .map(text => `subscription ${text}`),
  ])
}

type Form = { readonly nats: ConfiguredNats; readonly connectAs: (user: User) => Promise<NatsConnection> }

const byJwt = async (): Promise<Form> => {
  const scopes = Object.fromEntries(SCOPED.map(user => [user, claimsOf(templateOf(user))]))
  const { auth_conf, creds, credsOf, scopedCredsOf } = makeTrust(scopes)
  const nats = await startConfiguredNats(`${auth_conf}\njetstream { store_dir: "$STORE" }`, {
    authenticator: credsAuthenticator(Buffer.from(creds)),
  })
  const credsOfUser = (user: User): string =>
    SCOPED.includes(user)
      ? scopedCredsOf(nameOf(user), user, ['customer:4711'])
      : credsOf(user, claimsOf(permissionsOf(user)))
  const connectAs = (user: User) =>
    connect({
      servers: nats.url,
      authenticator: credsAuthenticator(Buffer.from(credsOfUser(user))),
      inboxPrefix: inboxPrefixOf(nameOf(user)),
      reconnect: false,
    })
  return { nats, connectAs }
}

const byPassword = async (): Promise<Form> => {
  const naming = { publisher: { name: 'shop', customers: ['4711'] } }
  const passwords = [...NAMES.keys()].map(user => `${passwordVariable(user)} = "secret-of-${user}"`)
  const nats = await startConfiguredNats(
    `${passwords.join('\n')}\n${authorizationBlock({}, naming)}\njetstream { store_dir: "$STORE" }`,
    { user: 'operator', pass: 'secret-of-operator' },
  )
  const connectAs = (user: User) =>
    connect({
      servers: nats.url,
      user: nameOf(user),
      pass: `secret-of-${user}`,
      inboxPrefix: inboxPrefixOf(nameOf(user)),
      reconnect: false,
    })
  return { nats, connectAs }
}

it('nothing is expected to be allowed that is not tried', () => {
  const published = new Set(PUBLISHED)
  expect(Object.values(MAY_PUBLISH).flatMap(list => list.filter(subject => !published.has(subject)))).toEqual(
    [],
  )
  const subscribed = new Set(SUBSCRIBED.map(textOf))
  expect(Object.values(MAY_SUBSCRIBE).flatMap(list => list.filter(text => !subscribed.has(text)))).toEqual([])
})

describe.each([
  ['the JWTs of an operator', byJwt],
  ['the authorization block of a server', byPassword],
] as const)('by %s', (_, start) => {
  let form: Form
  beforeAll(async () => {
    form = await start()
  })
  afterAll(() => form?.nats.stop())

  it.each([...NAMES.keys()])('%s may do what it is for, and nothing else', async user => {
    const nc = await form.connectAs(user)
    try {
      const [refused, expected] = [await tryAll(nc), expectedOf(user)]
      expect({
        'allowed, and must not be': [...expected].filter(each => !refused.has(each)),
        'refused, and is needed': [...refused].filter(each => !expected.has(each)),
      }).toEqual({ 'allowed, and must not be': [], 'refused, and is needed': [] })
    } finally {
      await nc.close()
    }
  })
})

describe('a new ledger', () => {
  const SETTINGS = { replicas: 1 }
  let form: Form
  const connections: NatsConnection[] = []
  const connectAs = async (user: User): Promise<NatsConnection> => {
    const nc = await form.connectAs(user)
    connections.push(nc)
    return nc
  }
  beforeAll(async () => {
    form = await byPassword()
  })
  afterAll(async () => {
    await Promise.all(connections.map(nc => nc.close()))
    await form?.nats.stop()
  })

  it('is refused to a role, which names the right that it lacks and what to run', async () => {
    const [nc, health] = [await connectAs('commands'), createHealth(() => undefined)]
    const standing = startStanding({
      nc,
      jsm: await run(manager(nc)),
      settings: SETTINGS,
      tables: TE.right([]),
      askMembers: async () => ({ seen: [], unseen: [] }),
      has_projections: false,
      renews_record: true,
      log: pino({ level: 'silent' }),
      health,
    })
    const reason = await standing.untilSettled()
    await standing.stop()
    expect(reason).toContain('may not publish to $JS.API.STREAM.CREATE.customer-balances')
    expect(reason).toContain('"jetledger stream apply"')
  })

  it('is made by the operator, opened by a role, and a projection sets its own consumer back', async () => {
    const [operator, projections] = [await connectAs('operator'), await connectAs('projections')]
    await run(provision(operator, SETTINGS))
    const makers = await run(manager(operator))
    await run(makeConsumer(makers, 'ledger', { seq: 1 }))
    await run(provisionBeside(projections, SETTINGS))
    const jsm = await run(manager(projections))
    await operator.request('customer.balance.678', '{"type":"credit","amount":1}')
    await run(ensureConsumer(projections, 'ledger'))
    const next = '$JS.API.CONSUMER.MSG.NEXT.customer-balances.ledger'
    // a delivery has the event's own subject, so the client cannot take it for the answer to a request
    const reply = `${inboxPrefixOf('projections')}.delivery`
    const deliveries = projections.subscribe(reply, { max: 1 })
    projections.publish(next, '{"batch":1,"group":"active"}', { reply })
    for await (const event of deliveries) await projections.request(event.reply ?? '', '+ACK')
    expect(await run(consumerProgress(jsm, 'ledger'))).toMatchObject({ acked_seq: 1 })
    await run(restartConsumer(jsm, 'ledger'))
    expect(await run(consumerProgress(jsm, 'ledger'))).toMatchObject({ acked_seq: 0 })
    const missing = await ensureConsumer(projections, 'ledger-g2')()
    expect(missing).toMatchObject({
      left: { tag: 'Forbidden', message: expect.stringContaining('"jetledger stream apply"') },
    })
  })
})
