/** Requests of the gateway: one write for all of a turn, and the outcomes of the client's own `request`. */

import type { Socket } from 'node:net'
import { connect, errors, type Msg, type NatsConnection } from 'nats'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type ConfiguredNats, startConfiguredNats } from '../../test/support/configured-nats.js'
import { openConnection } from '../connection.js'
import { ask } from './ask.js'
import { request } from './requests.js'

const CONFIG = `max_payload: 1024
no_auth_user: anybody
authorization { users: [
  { user: anybody, password: x, permissions: { publish: { deny: "forbidden" } } }
  { user: deaf, password: x, permissions: { subscribe: { deny: "_INBOX.>" } } }
] }`
const TIMEOUT_MS = 5_000

let nats: ConfiguredNats
let responder: NatsConnection

beforeAll(async () => {
  nats = await startConfiguredNats(CONFIG)
  responder = await connect({ servers: nats.url })
  responder.subscribe('echo', { callback: (_, msg) => void msg.respond(msg.data) })
  responder.subscribe('silent', { callback: () => undefined })
  await responder.flush()
})
afterAll(async () => {
  await responder.close()
  await nats.stop()
})

const open = (options: { readonly user?: string; readonly pass?: string } = {}): Promise<NatsConnection> =>
  openConnection({ servers: nats.url, reconnect: false, ...options }, () => undefined)

const socketOf = (nc: NatsConnection): Socket =>
  (nc as unknown as { readonly protocol: { readonly transport: { readonly socket: Socket } } }).protocol
    .transport.socket

const textOf = (reply: Msg): string => reply.string()

it('sends all requests of one turn in one write, and gives each its own answer', async () => {
  const nc = await open()
  await request(nc, 'echo', 'first', TIMEOUT_MS)
  const write = vi.spyOn(socketOf(nc), 'write')
  const asked = Array.from({ length: 100 }, async (_, i) => {
    // each comes from a callback of its own, as requests over HTTP do
    await new Promise<void>(resolve => setImmediate(resolve))
    return textOf(await request(nc, 'echo', `body ${i} ä`, TIMEOUT_MS))
  })
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 100 }, (_, i) => `body ${i} ä`))
  expect(write).toHaveBeenCalledTimes(1)
  await nc.close()
})

const failureOf = (asked: Promise<Msg>): Promise<{ readonly name: string; readonly cause: unknown }> =>
  asked.then(
    () => expect.unreachable(),
    (thrown: Error) => ({
      name: thrown.name,
      cause: thrown.cause instanceof Error ? thrown.cause.name : undefined,
    }),
  )

it.each([
  ['nobody serves the subject', 'unserved', 'body'],
  ['nobody answers in time', 'silent', 'body'],
  ['the user may not publish there', 'forbidden', 'body'],
])("fails as the client's own request does when %s", async (_, subject, body) => {
  const nc = await open()
  const timeout_ms = subject === 'silent' ? 100 : TIMEOUT_MS
  const ours = await failureOf(request(nc, subject, body, timeout_ms))
  expect(ours).toEqual(await failureOf(nc.request(subject, body, { timeout: timeout_ms })))
  // and the next one is answered
  expect(textOf(await request(nc, 'echo', 'on', TIMEOUT_MS))).toBe('on')
  await nc.close()
})

it("a write that its user may not send is refused, but has an unknown outcome where it may be another one's refusal", async () => {
  const nc = await open()
  const write = {
    subject: 'forbidden',
    body: '{}',
    effect: 'write',
    check: () => expect.unreachable(),
    timeout_ms: 100,
  } as const
  expect(await ask({ nc }, { ...write, is_alone: true })()).toMatchObject({
    left: { code: 'FORBIDDEN', detail: 'this NATS user may not publish to forbidden' },
  })
  expect(await ask({ nc }, write)()).toMatchObject({ left: { code: 'OUTCOME_UNKNOWN' } })
  await nc.close()
  // a request is carried out although its user may not hear the answer
  const deaf = await open({ user: 'deaf', pass: 'x' })
  const unheard = { ...write, subject: 'echo', is_alone: true }
  expect(await ask({ nc: deaf }, unheard)()).toMatchObject({ left: { code: 'OUTCOME_UNKNOWN' } })
  await deaf.close()
})

it('fails a request that the server would not take, alone', async () => {
  const nc = await open()
  const [large, small] = await Promise.all([
    failureOf(request(nc, 'echo', 'x'.repeat(2_000), TIMEOUT_MS)),
    request(nc, 'echo', 'small', TIMEOUT_MS),
  ])
  expect([large.name, textOf(small)]).toEqual(['InvalidArgumentError', 'small'])
  await nc.close()
})

it('fails at once when the connection ends, before and after', async () => {
  const nc = await open()
  const waiting = failureOf(request(nc, 'silent', '', TIMEOUT_MS))
  await nc.flush()
  await nc.close()
  expect((await waiting).name).toBe('RequestError')
  await expect(request(nc, 'echo', '', TIMEOUT_MS)).rejects.toBeInstanceOf(errors.ClosedConnectionError)
})

it('fails when its user may receive no answers', async () => {
  const nc = await open({ user: 'deaf', pass: 'x' })
  expect(await failureOf(request(nc, 'echo', '', TIMEOUT_MS))).toEqual({
    name: 'RequestError',
    cause: 'PermissionViolationError',
  })
  await nc.close()
})
