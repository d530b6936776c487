/**
 * What the control plane knows of an account of NATS: its limits, what each kind of its users may do, and its users. The
 * same form is read from a provider and from the file of `jetledger control-plane apply`, so that the two can be compared.
 *
 * An account has one scoped signing key for each kind of user (`src/permissions`). A user's rights are in the account's
 * key and not in the user's credentials, so they can be changed for all users of a kind without new credentials.
 */

import { E, type Either, pipe, t } from '../fp.js'
import { readStrictJson } from '../json.js'
import { ClientId } from '../ledger/client-id.js'
import { describeErrors, exactFieldsOf } from '../ledger/codec.js'
import { claimsOf, SCOPED, SINGLE, templateOf } from '../permissions/render.js'
import { type Deployment, permissionsOf, USERS, type User } from '../permissions/users.js'
import { replyPrefixProblem } from '../service/replies.js'

/** An account as a list of accounts has it. */
export type NatsAccount = { readonly id: string; readonly name: string; readonly is_system: boolean }

/** The limits of an account; -1 is no limit. Those of JetStream hold for all its streams together. */
export type Limits = {
  readonly connections: number
  readonly subscriptions: number
  readonly payload_bytes: number
  readonly imports: number
  readonly exports: number
  readonly disk_bytes: number
  readonly memory_bytes: number
  readonly streams: number
  readonly consumers: number
}

/** Enough for a ledger whose roles run in some ten processes. */
export const DEFAULT_LIMITS: Limits = {
  connections: 64,
  subscriptions: 1_000,
  payload_bytes: 1_048_576,
  imports: 5,
  exports: 5,
  // nats-server sets the bytes of a limit aside, and gives no JetStream to an account for which it has not enough left
  disk_bytes: -1,
  memory_bytes: 0,
  streams: 16,
  consumers: 128,
}

/** The subjects that one kind of users may publish and subscribe to, sorted, as the claims of a JWT have them. */
export type Rights = { readonly publish: readonly string[]; readonly subscribe: readonly string[] }

export type LedgerUser = {
  readonly name: string
  readonly kind: User
  /** The customers whose events a publisher hands in; empty for the other kinds. */
  readonly customers: readonly string[]
}

export type AccountState = {
  readonly limits: Limits
  readonly rights: ReadonlyMap<User, Rights>
  readonly users: readonly LedgerUser[]
  /** Users that are no user of a ledger. The control plane leaves them as they are. */
  readonly others: readonly string[]
}

export type Desired = {
  readonly account: string
  readonly limits: Limits
  readonly deployment: Deployment
  readonly users: readonly LedgerUser[]
}

/** The names of accounts and users: one token of a subject, and the name of a file. */
const NAME = /^[\w-]{1,64}$/
export const NAME_RULE = 'must be 1 to 64 letters, digits, "-" and "_"'

export const isName = (text: string): boolean => NAME.test(text)

const named = new t.Type<string, string, unknown>(
  'name',
  (u): u is string => typeof u === 'string' && isName(u),
  (u, context) => (typeof u === 'string' && isName(u) ? t.success(u) : t.failure(u, context, NAME_RULE)),
  String,
)

const isLimit = (u: unknown): u is number => Number.isSafeInteger(u) && (u as number) >= -1
const limit = new t.Type<number, number, unknown>(
  'limit',
  isLimit,
  (u, context) =>
    isLimit(u) ? t.success(u) : t.failure(u, context, 'must be a whole number, or -1 for no limit'),
  Number,
)

const isKind = (u: unknown): u is User => USERS.some(kind => kind === u)
const Kind = new t.Type<User, User, unknown>(
  'kind',
  isKind,
  (u, context) => (isKind(u) ? t.success(u) : t.failure(u, context, `must be one of ${USERS.join(', ')}`)),
  kind => kind,
)

const EVERY_CUSTOMER = '*'
const customer = t.union([ClientId, t.literal(EVERY_CUSTOMER)])

const LimitsCodec = exactFieldsOf(
  {},
  {
    connections: limit,
    subscriptions: limit,
    payload_bytes: limit,
    imports: limit,
    exports: limit,
    disk_bytes: limit,
    memory_bytes: limit,
    streams: limit,
    consumers: limit,
  },
)

const withDefaults = (stated: t.TypeOf<typeof LimitsCodec>): Limits => ({
  connections: stated.connections ?? DEFAULT_LIMITS.connections,
  subscriptions: stated.subscriptions ?? DEFAULT_LIMITS.subscriptions,
  payload_bytes: stated.payload_bytes ?? DEFAULT_LIMITS.payload_bytes,
  imports: stated.imports ?? DEFAULT_LIMITS.imports,
  exports: stated.exports ?? DEFAULT_LIMITS.exports,
  disk_bytes: stated.disk_bytes ?? DEFAULT_LIMITS.disk_bytes,
  memory_bytes: stated.memory_bytes ?? DEFAULT_LIMITS.memory_bytes,
  streams: stated.streams ?? DEFAULT_LIMITS.streams,
  consumers: stated.consumers ?? DEFAULT_LIMITS.consumers,
})

const UserCodec = exactFieldsOf({ kind: Kind }, { name: named, customers: t.array(customer) })

const isPrefix = (u: unknown): u is string => typeof u === 'string' && replyPrefixProblem(u) === undefined
const replyPrefix = new t.Type<string, string, unknown>(
  'prefix',
  isPrefix,
  (u, context) =>
    isPrefix(u)
      ? t.success(u)
      : t.failure(u, context, typeof u === 'string' ? replyPrefixProblem(u) : 'must be a prefix of inboxes'),
  String,
)

const DeploymentCodec = exactFieldsOf(
  {},
  { reply_prefixes: t.array(replyPrefix), has_imports: t.boolean, domain: named },
)

const DesiredCodec = exactFieldsOf(
  { account: named, users: t.array(UserCodec) },
  { limits: LimitsCodec, rights: DeploymentCodec },
)

const CUSTOMERS_MAX = 100
const USERS_MAX = 1_000

/** What is wrong with a user beside others; undefined when nothing is. */
const userProblem = ({ name, kind, customers }: LedgerUser): string | undefined => {
  if (!isName(name)) return `the name ${NAME_RULE}`
  if (SINGLE.includes(kind) && name !== kind) return `the user of the kind ${kind} has the name ${kind}`
  // whoever has the name of a role would have its inbox, and hear its answers
  if (isKind(name) && name !== kind) return `${name} is the name of another kind of user`
  if (kind === 'publisher' && customers.length === 0)
    return 'a publisher needs customers; "*" is every customer'
  if (kind !== 'publisher' && customers.length > 0) return 'only a publisher has customers'
  if (customers.length > CUSTOMERS_MAX) return `a publisher has ${CUSTOMERS_MAX} customers at the most`
  return undefined
}

/** One sentence about the first user that an account must not have; undefined when there is none. */
const usersProblem = (users: readonly LedgerUser[]): string | undefined => {
  if (users.length > USERS_MAX) return `an account has ${USERS_MAX} users at the most`
  const names = new Set<string>()
  for (const user of users) {
    const problem = names.has(user.name) ? 'is there twice' : userProblem(user)
    if (problem !== undefined) return `user ${user.name}: ${problem}`
    names.add(user.name)
  }
  return undefined
}

/** Makes a user of an account that has `others`; left is one sentence. */
export const addUser = (
  others: readonly LedgerUser[],
  user: LedgerUser,
): Either<string, readonly LedgerUser[]> => {
  const users = [...others, user]
  const problem = usersProblem(users)
  return problem === undefined ? E.right(users) : E.left(problem)
}

const desiredOf = ({
  account,
  limits = {},
  rights: { reply_prefixes = [], has_imports = false, domain } = {},
  users: stated,
}: t.TypeOf<typeof DesiredCodec>): Either<string, Desired> => {
  const users = stated.map(({ kind, name = kind, customers = [] }) => ({ kind, name, customers }))
  const no_disk =
    limits.disk_bytes === 0 ? 'limits.disk_bytes: a ledger keeps its streams on disk' : undefined
  const problem = no_disk ?? usersProblem(users)
  const deployment = { reply_prefixes, has_imports, ...(domain === undefined ? {} : { domain }) }
  return problem === undefined
    ? E.right({ account, limits: withDefaults(limits), deployment, users })
    : E.left(problem)
}

/** Reads the file of `apply`; left is one sentence that names every wrong field. */
export const readDesired = (text: string): Either<string, Desired> =>
  pipe(
    readStrictJson(text),
    E.mapLeft(({ message }) => message),
    E.chain(json => pipe(DesiredCodec.decode(json), E.mapLeft(describeErrors))),
    E.chain(desiredOf),
  )

/**
 * What the users of a kind may do, for the scoped signing key of the kind. nats-server fills templates in, and leaves out
 * each subject with a queue group when it does so; so only the kinds that serve nothing have templates.
 */
export const rightsOf = (kind: User, deployment: Deployment): Rights => {
  const permissions = SCOPED.includes(kind) ? templateOf(kind, deployment) : permissionsOf(kind, deployment)
  const { pub, sub } = claimsOf(permissions)
  return { publish: pub.allow.toSorted(), subscribe: sub.allow.toSorted() }
}

/** Whether two lists have the same texts, in any order. */
export const isSameSet = (one: readonly string[], other: readonly string[]): boolean => {
  const [a, b] = [new Set(one), new Set(other)]
  return a.size === b.size && one.every(text => b.has(text))
}

const TAG = 'customer:'

/** The tags of a user's JWT, which the template of its kind takes the customers from. */
export const tagsOf = ({ customers }: LedgerUser): readonly string[] => customers.map(id => TAG + id)

/** The customers that a user's tags name. */
export const customersOf = (tags: readonly string[]): readonly string[] =>
  tags.filter(tag => tag.startsWith(TAG)).map(tag => tag.slice(TAG.length))
