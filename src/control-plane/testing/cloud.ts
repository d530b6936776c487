/** What the stand-in for Synadia Cloud keeps, and how it shows it: ids, for accounts and users that a real server has. */

import { randomUUID } from 'node:crypto'
import { E, run } from '../../fp.js'
import { USERS, type User } from '../../permissions/users.js'
import {
  LimitClaims,
  limitClaims,
  limitsOf,
  rightsOfTemplate,
  Template,
  templateClaims,
} from '../nats-claims.js'
import { now_s } from '../self-hosted/jwt.js'
import { visit } from '../self-hosted/visit.js'
import { customersOf, type Limits, type NatsAccount, tagsOf } from '../state.js'
import type { OperatorNats } from './servers.js'

export type Body = Readonly<Record<string, unknown>>

type Group = { readonly account: NatsAccount; readonly kind: User }
type NatsUser = { readonly account: NatsAccount; readonly name: string; readonly group: string }

export type Cloud = {
  readonly server: OperatorNats
  readonly accounts: Map<string, NatsAccount>
  readonly groups: Map<string, Group>
  readonly users: Map<string, NatsUser>
}

export const openCloud = (server: OperatorNats): Cloud => ({
  server,
  accounts: new Map(),
  groups: new Map(),
  users: new Map(),
})

/** The ids of the groups or users of an account. */
export const idsOf = (
  map: ReadonlyMap<string, { readonly account: NatsAccount }>,
  account: NatsAccount,
): readonly string[] => [...map].filter(([, one]) => one.account === account).map(([id]) => id)

/** Throws when there is none of the id. */
export const need = <A>(map: ReadonlyMap<string, A>, id: string): A => {
  const found = map.get(id)
  if (found === undefined) throw new Error(`There is nothing with the id ${id}`)
  return found
}

const decoded = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error('The request has another form than documented')
  return result.right
}

const settingsOf = ({ jwt_settings = {} }: Body): Body => jwt_settings as Body

/** The limits in the body of a request. */
export const limitsIn = (body: Body): Limits => limitsOf(decoded(LimitClaims.decode(settingsOf(body).limits)))

export const viewAccount = async ({ server, accounts }: Cloud, id: string): Promise<Body> => {
  const account = need(accounts, id)
  const { limits } = await run(server.provider.read(account))
  const jwt_settings = { limits: limitClaims(limits) }
  return { id, name: account.name, is_system_account: account.is_system, jwt_settings }
}

export const viewGroup = async ({ server, groups }: Cloud, id: string): Promise<Body> => {
  const { account, kind } = need(groups, id)
  const rights = (await run(server.provider.read(account))).rights.get(kind)
  const scope = rights === undefined ? {} : { scope: templateClaims(rights) }
  return { id, name: kind, programmatic: false, ...scope }
}

export const viewUser = async ({ server, users }: Cloud, id: string): Promise<Body> => {
  const { account, name, group } = need(users, id)
  const user = (await run(server.provider.read(account))).users.find(one => one.name === name)
  const jwt_settings = { tags: user === undefined ? [] : tagsOf(user) }
  return { id, name, user_public_key: `U-${name}`, sk_group_id: group, jwt_settings }
}

export const createGroup = async (cloud: Cloud, account: string, { name, scope }: Body): Promise<Body> => {
  const kind = USERS.find(one => one === name)
  if (kind === undefined) throw new Error(`${name} is no kind of users`)
  const id = randomUUID()
  cloud.groups.set(id, { account: need(cloud.accounts, account), kind })
  return changeGroup(cloud, id, { scope })
}

export const changeGroup = async (cloud: Cloud, id: string, { scope }: Body): Promise<Body> => {
  const { account, kind } = need(cloud.groups, id)
  await run(cloud.server.provider.setRights(account, kind, rightsOfTemplate(decoded(Template.decode(scope)))))
  return viewGroup(cloud, id)
}

export const createUser = async (cloud: Cloud, account_id: string, body: Body): Promise<Body> => {
  const [id, group, name] = [randomUUID(), String(body.sk_group_id), String(body.name)]
  const account = need(cloud.accounts, account_id)
  const { tags = [] } = settingsOf(body)
  const user = { name, kind: need(cloud.groups, group).kind, customers: customersOf(tags as string[]) }
  await run(cloud.server.provider.createUser(account, user))
  cloud.users.set(id, { account, name, group })
  return viewUser(cloud, id)
}

/** The streams of an account, as its list of JetStream's assets has them. */
export const listStreams = async ({ server, accounts }: Cloud, id: string): Promise<readonly Body[]> => {
  const key = server.keys.of(need(accounts, id).id)?.account()
  if (key === undefined) throw new Error(`The account ${id} has no key`)
  const holdings = await visit(server.connect, key, now_s(), one => one.holdings())
  return holdings.map(({ stream, messages }) => ({ config: { name: stream }, state: { messages } }))
}
