/**
 * The accounts of Synadia Cloud, by its REST API. It makes and keeps all keys. A kind of users is a group of signing keys
 * with a scope, named like the kind.
 */

import { attempt, E, Failed, pipe, TE, type t } from '../../fp.js'
import { USERS, type User } from '../../permissions/users.js'
import { limitClaims, limitsOf, rightsOfTemplate, templateClaims } from '../nats-claims.js'
import { type Provider, type ProviderError, refusalOf, type Task } from '../provider.js'
import { now_s } from '../self-hosted/jwt.js'
import {
  type AccountState,
  customersOf,
  isSameSet,
  type LedgerUser,
  type NatsAccount,
  type Rights,
  tagsOf,
} from '../state.js'
import {
  AccountList,
  AccountView,
  type KeyGroup,
  KeyGroupList,
  KeyGroupView,
  type NatsUser,
  StreamList,
  UserList,
  UserView,
} from './answers.js'
import { type Api, type ApiOptions, openApi } from './api.js'

const fail = (tag: ProviderError['tag'], message: string): never => {
  throw new Failed<ProviderError>({ tag, message })
}

/** Runs code that throws `Failed`. Anything else is a bug, and goes on being thrown. */
const task = <A>(work: () => Promise<A>): Task<A> =>
  attempt(work, bug => {
    throw bug
  })

const kindOf = ({ name, scope }: KeyGroup): User | undefined =>
  scope === undefined ? undefined : USERS.find(kind => kind === name)

const groupsOf = async (api: Api, { id }: NatsAccount): Promise<readonly KeyGroup[]> =>
  (await api.json('GET', ['accounts', id, 'account-sk-groups'], KeyGroupList)).items

const usersOf = async (api: Api, { id }: NatsAccount): Promise<readonly NatsUser[]> =>
  (await api.json('GET', ['accounts', id, 'nats-users'], UserList)).items

/** The group of a kind; undefined when there is none. Two of a name are not guessed between. */
const groupOf = async (api: Api, account: NatsAccount, kind: User): Promise<KeyGroup | undefined> => {
  const [found, ...others] = (await groupsOf(api, account)).filter(({ name }) => name === kind)
  return others.length > 0
    ? fail('Refused', `the account ${account.name} has several groups of signing keys with the name ${kind}`)
    : found
}

const userOf = async (api: Api, account: NatsAccount, name: string): Promise<NatsUser> => {
  const [found, ...others] = (await usersOf(api, account)).filter(user => user.name === name)
  if (others.length > 0)
    return fail('Refused', `the account ${account.name} has several users with the name ${name}`)
  return found ?? fail('NotFound', `the account ${account.name} has no user ${name}`)
}

const readState = async (api: Api, account: NatsAccount): Promise<AccountState> => {
  const { jwt_settings } = await api.json('GET', ['accounts', account.id], AccountView)
  const groups = await groupsOf(api, account)
  const kinds = new Map(groups.map(group => [group.id, kindOf(group)]))
  const named = (await usersOf(api, account)).map(user => ({
    name: user.name,
    kind: kinds.get(user.sk_group_id ?? ''),
    customers: customersOf(user.jwt_settings?.tags ?? []),
  }))
  return {
    limits: limitsOf(jwt_settings?.limits ?? {}),
    rights: new Map(
      groups.flatMap(group => {
        const kind = kindOf(group)
        return kind === undefined ? [] : [[kind, rightsOfTemplate(group.scope ?? {})] as const]
      }),
    ),
    users: named.flatMap(({ kind, ...user }) => (kind === undefined ? [] : [{ ...user, kind }])),
    others: named.flatMap(({ kind, name }) => (kind === undefined ? [name] : [])),
  }
}

const setRights = async (api: Api, account: NatsAccount, kind: User, rights: Rights): Promise<void> => {
  const found = await groupOf(api, account, kind)
  const scope = templateClaims(rights)
  const made =
    found === undefined
      ? await api.json('POST', ['accounts', account.id, 'account-sk-groups'], KeyGroupView, {
          name: kind,
          programmatic: false,
          scope,
        })
      : await api.json('PATCH', ['account-sk-groups', found.id], KeyGroupView, { scope })
  const { publish, subscribe } = rightsOfTemplate(made.scope ?? {})
  // users with other rights than those that were asked for must not be made
  if (!isSameSet(publish, rights.publish) || !isSameSet(subscribe, rights.subscribe))
    return fail('BadAnswer', `the provider keeps other rights of ${kind} than it was given`)
}

const createUser = async (api: Api, account: NatsAccount, user: LedgerUser): Promise<void> => {
  const group = await groupOf(api, account, user.kind)
  if (group === undefined || kindOf(group) === undefined)
    return fail(
      'Refused',
      `the account ${account.name} has no scoped signing key for users of the kind ${user.kind}`,
    )
  const tags = tagsOf(user)
  const made = await api.json('POST', ['accounts', account.id, 'nats-users'], UserView, {
    name: user.name,
    sk_group_id: group.id,
    ...(tags.length === 0 ? {} : { jwt_settings: { tags } }),
  })
  const kept = customersOf(made.jwt_settings?.tags ?? [])
  if (isSameSet(kept, user.customers)) return
  await api.text('DELETE', ['nats-users', made.id])
  return fail(
    'Refused',
    `the provider keeps the customers ${user.customers.join(', ')} as ${kept.join(', ') || 'none'}: the user was not made`,
  )
}

const revokeUser = async (api: Api, account: NatsAccount, name: string): Promise<void> => {
  const { id, user_public_key } = await userOf(api, account, name)
  // credentials that were handed out must not count any more, also if deleting a user did not revoke them
  const place = ['accounts', account.id, 'nats-user-revocations', user_public_key]
  await api.text('PUT', place, { before: now_s() })
  await api.text('DELETE', ['nats-users', id])
}

const remove = async (api: Api, account: NatsAccount, is_forced: boolean): Promise<void> => {
  if (!is_forced) {
    const { items } = await api.json('GET', ['accounts', account.id, 'jetstream'], StreamList)
    const holdings = items.map(({ config, state }) => ({ stream: config.name, messages: state.messages }))
    const refusal = refusalOf(account, holdings)
    if (refusal !== undefined) throw new Failed(refusal)
  }
  await api.text('DELETE', ['accounts', account.id])
}

const DESCRIPTION = 'made by jetledger control-plane'

const accountOf = ({ id, name, is_system_account }: t.TypeOf<typeof AccountView>): NatsAccount => ({
  id,
  name,
  is_system: is_system_account,
})

const onApi = (api: Api, system_id: string): Provider => ({
  accounts: () =>
    task(async () => {
      const { items } = await api.json('GET', ['systems', system_id, 'accounts'], AccountList)
      return items.map(accountOf)
    }),
  read: account => task(() => readState(api, account)),
  create: (name, limits) =>
    task(async () => {
      const jwt_settings = { description: DESCRIPTION, limits: limitClaims(limits) }
      const place = ['systems', system_id, 'accounts']
      return accountOf(await api.json('POST', place, AccountView, { name, jwt_settings }))
    }),
  setLimits: (account, limits) =>
    task(async () => {
      const jwt_settings = { limits: limitClaims(limits) }
      await api.json('PATCH', ['accounts', account.id], AccountView, { jwt_settings })
    }),
  setRights: (account, kind, rights) => task(() => setRights(api, account, kind, rights)),
  createUser: (account, user) => task(() => createUser(api, account, user)),
  revokeUser: (account, name) => task(() => revokeUser(api, account, name)),
  creds: (account, name) =>
    task(async () => {
      const { id } = await userOf(api, account, name)
      const creds = await api.text('POST', ['nats-users', id, 'creds'])
      // the text is a secret, so a wrong one is not shown
      return creds.includes('BEGIN NATS USER JWT')
        ? creds
        : fail('BadAnswer', 'the provider sends no credentials')
    }),
  remove: (account, is_forced) => task(() => remove(api, account, is_forced)),
})

/** The provider for one system of Synadia Cloud, or of a Control Plane of one's own. */
export const openSynadia = (system_id: string, options: ApiOptions): Task<Provider> =>
  TE.fromEither(
    pipe(
      openApi(options),
      E.map(api => onApi(api, system_id)),
    ),
  )
