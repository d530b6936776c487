/**
 * Stands in for Synadia Cloud's REST API (its public "core/beta" description): it answers like it, and makes real accounts on
 * a real nats-server, by the control plane's own provider for such servers.
 */

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { run } from '../../fp.js'
import {
  type Body,
  type Cloud,
  changeGroup,
  createGroup,
  createUser,
  idsOf,
  limitsIn,
  listStreams,
  need,
  openCloud,
  viewAccount,
  viewGroup,
  viewUser,
} from './cloud.js'
import type { OperatorNats } from './servers.js'

type Answer = { readonly status: number; readonly body?: unknown }

export type StandIn = {
  readonly url: string
  readonly system_id: string
  readonly token: string
  /** The method and path of each request so far. */
  readonly requests: readonly string[]
  /** The next request whose method and path match is answered so, and does nothing. */
  readonly answerOnce: (request: RegExp, answer: Answer) => void
  readonly stop: () => Promise<void>
}

type Route = readonly [request: RegExp, answer: (cloud: Cloud, id: string, body: Body) => Promise<Answer>]

const TOKEN = 'uat_stand-in'
const SYSTEM = 'a-system'

const ok = (body: unknown): Answer => ({ status: 200, body })
const created = (body: unknown): Answer => ({ status: 201, body })
const GONE: Answer = { status: 204 }

const listed = async (ids: Iterable<string>, view: (id: string) => Promise<Body>): Promise<Answer> => {
  const items: Body[] = []
  for (const id of ids) items.push(await view(id))
  return ok({ items })
}

const ACCOUNTS: readonly Route[] = [
  [
    /^GET systems\/(a-system)\/accounts$/,
    cloud => listed(cloud.accounts.keys(), id => viewAccount(cloud, id)),
  ],
  [
    /^POST systems\/(a-system)\/accounts$/,
    async (cloud, _, body) => {
      const id = randomUUID()
      cloud.accounts.set(id, await run(cloud.server.provider.create(String(body.name), limitsIn(body))))
      return created(await viewAccount(cloud, id))
    },
  ],
  [/^GET accounts\/([^/]+)$/, async (cloud, id) => ok(await viewAccount(cloud, id))],
  [
    /^PATCH accounts\/([^/]+)$/,
    async (cloud, id, body) => {
      await run(cloud.server.provider.setLimits(need(cloud.accounts, id), limitsIn(body)))
      return ok(await viewAccount(cloud, id))
    },
  ],
  [
    /^DELETE accounts\/([^/]+)$/,
    async (cloud, id) => {
      await run(cloud.server.provider.remove(need(cloud.accounts, id), true))
      cloud.accounts.delete(id)
      return GONE
    },
  ],
  [/^GET accounts\/([^/]+)\/jetstream$/, async (cloud, id) => ok({ items: await listStreams(cloud, id) })],
]

const USERS_AND_KEYS: readonly Route[] = [
  [
    /^GET accounts\/([^/]+)\/account-sk-groups$/,
    (cloud, id) => listed(idsOf(cloud.groups, need(cloud.accounts, id)), one => viewGroup(cloud, one)),
  ],
  [
    /^POST accounts\/([^/]+)\/account-sk-groups$/,
    async (cloud, id, body) => created(await createGroup(cloud, id, body)),
  ],
  [/^PATCH account-sk-groups\/([^/]+)$/, async (cloud, id, body) => ok(await changeGroup(cloud, id, body))],
  [
    /^GET accounts\/([^/]+)\/nats-users$/,
    (cloud, id) => listed(idsOf(cloud.users, need(cloud.accounts, id)), one => viewUser(cloud, one)),
  ],
  [
    /^POST accounts\/([^/]+)\/nats-users$/,
    async (cloud, id, body) => created(await createUser(cloud, id, body)),
  ],
  [/^PUT accounts\/([^/]+)\/nats-user-revocations\/U-[\w-]+$/, async () => created({})],
  [
    /^DELETE nats-users\/([^/]+)$/,
    async (cloud, id) => {
      const { account, name } = need(cloud.users, id)
      await run(cloud.server.provider.revokeUser(account, name))
      cloud.users.delete(id)
      return GONE
    },
  ],
  [
    /^POST nats-users\/([^/]+)\/creds$/,
    async (cloud, id) => {
      const { account, name } = need(cloud.users, id)
      return ok(await run(cloud.server.provider.creds(account, name)))
    },
  ],
]

const readBody = async (request: IncomingMessage): Promise<Body> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? {} : (JSON.parse(text) as Body)
}

const answerBy = async (cloud: Cloud, request: string, body: Body): Promise<Answer> => {
  for (const [pattern, answer] of [...ACCOUNTS, ...USERS_AND_KEYS]) {
    const found = pattern.exec(request)
    if (found !== null) return answer(cloud, found[1] ?? '', body)
  }
  return { status: 404 }
}

/** Starts it on a free port. */
export const startStandIn = async (server: OperatorNats): Promise<StandIn> => {
  const cloud = openCloud(server)
  const requests: string[] = []
  const faults: { readonly request: RegExp; readonly answer: Answer }[] = []
  const answerTo = async (message: IncomingMessage): Promise<Answer> => {
    const body = await readBody(message)
    const request = `${message.method} ${(message.url ?? '').replace('/api/core/beta/', '')}`
    requests.push(request)
    if (message.headers.authorization !== `Bearer ${TOKEN}`) return { status: 401 }
    const at = faults.findIndex(fault => fault.request.test(request))
    const [fault] = at === -1 ? [] : faults.splice(at, 1)
    return fault?.answer ?? answerBy(cloud, request, body)
  }
  const http = createServer((message, response) => {
    answerTo(message)
      .catch((error: unknown): Answer => ({ status: 400, body: String(error) }))
      .then(({ status, body }) => {
        response.statusCode = status
        response.end(typeof body === 'string' ? body : JSON.stringify(body))
      })
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    system_id: SYSTEM,
    token: TOKEN,
    requests,
    answerOnce: (request, answer) => faults.push({ request, answer }),
    stop: () =>
      new Promise(resolve => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}
