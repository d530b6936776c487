/**
 * Translates between an account as the control plane knows it and the claims of the account's JWT. Claims that the control
 * plane does not know (exports, imports, mappings) stay as they are.
 */

import { E, type Either, pipe, t } from '../../fp.js'
import type { JsonObject } from '../../json.js'
import { describeErrors, fieldsOf, recordOf } from '../../ledger/codec.js'
import { USERS, type User } from '../../permissions/users.js'
import type { Limits, Rights } from '../state.js'
import { type Claims, readJwt } from './jwt.js'

const NO_LIMIT = -1

/** The limits in the claims of an account; NATS has them flat. */
export const LimitClaims = fieldsOf(
  {},
  {
    conn: t.number,
    subs: t.number,
    payload: t.number,
    imports: t.number,
    exports: t.number,
    disk_storage: t.number,
    mem_storage: t.number,
    streams: t.number,
    consumer: t.number,
  },
)

const Subjects = fieldsOf({}, { allow: t.array(t.string) })
/** The rights in the claims of a scoped signing key. */
export const Template = fieldsOf({}, { pub: Subjects, sub: Subjects })
const Scope = fieldsOf({ key: t.string, role: t.string }, { template: Template })

const AccountClaims = fieldsOf(
  {},
  {
    limits: LimitClaims,
    /** A key without a scope is a text. */
    signing_keys: t.array(t.union([t.string, Scope])),
    revocations: recordOf(t.number),
  },
)

export type ScopedKey = { readonly kind: User; readonly key: string; readonly rights: Rights }

export type AccountOfClaims = {
  readonly limits: Limits
  readonly scopes: readonly ScopedKey[]
  /** The time (seconds since 1970) until which the JWTs of a user do not count, by the user's public key. */
  readonly revocations: Readonly<Record<string, number>>
}

/** The limits as the flat claims of NATS have them. */
export const limitClaims = (limits: Limits): JsonObject => ({
  conn: limits.connections,
  subs: limits.subscriptions,
  payload: limits.payload_bytes,
  imports: limits.imports,
  exports: limits.exports,
  disk_storage: limits.disk_bytes,
  mem_storage: limits.memory_bytes,
  streams: limits.streams,
  consumer: limits.consumers,
  // what a ledger has no use for stays without a limit of its own, or is not allowed
  data: NO_LIMIT,
  wildcards: true,
  leaf: 0,
})

/** The limits that are claimed. What is left out is 0 in NATS. */
export const limitsOf = (claims: t.TypeOf<typeof LimitClaims>): Limits => ({
  connections: claims.conn ?? 0,
  subscriptions: claims.subs ?? 0,
  payload_bytes: claims.payload ?? 0,
  imports: claims.imports ?? 0,
  exports: claims.exports ?? 0,
  disk_bytes: claims.disk_storage ?? 0,
  memory_bytes: claims.mem_storage ?? 0,
  streams: claims.streams ?? 0,
  consumers: claims.consumer ?? 0,
})

/** The template of a scoped signing key, whose users have no limits of their own. */
export const templateClaims = ({ publish, subscribe }: Rights) => ({
  pub: { allow: publish },
  sub: { allow: subscribe },
  subs: NO_LIMIT,
  data: NO_LIMIT,
  payload: NO_LIMIT,
})

/** The rights in a template. */
export const rightsOfTemplate = ({ pub, sub }: t.TypeOf<typeof Template>): Rights => ({
  publish: (pub?.allow ?? []).toSorted(),
  subscribe: (sub?.allow ?? []).toSorted(),
})

const kindOf = (role: string): User | undefined => USERS.find(kind => kind === role)

/** What the claims of an account say; left names the fields that are wrong. */
export const readAccountClaims = (nats: JsonObject): Either<string, AccountOfClaims> =>
  pipe(
    AccountClaims.decode(nats),
    E.mapLeft(describeErrors),
    E.map(({ limits = {}, signing_keys = [], revocations = {} }) => ({
      limits: limitsOf(limits),
      scopes: signing_keys.flatMap(scope => {
        const kind = typeof scope === 'string' ? undefined : kindOf(scope.role)
        return typeof scope === 'string' || kind === undefined
          ? []
          : [{ kind, key: scope.key, rights: rightsOfTemplate(scope.template ?? {}) }]
      }),
      revocations,
    })),
  )

/** Claims with other limits. */
export const withLimits = (nats: JsonObject, limits: Limits): JsonObject => ({
  ...nats,
  limits: { ...(nats.limits as JsonObject | undefined), ...limitClaims(limits) },
})

/** Claims in which the users of a kind, who are signed with `key`, have these rights. */
export const withScope = (nats: JsonObject, { kind, key, rights }: ScopedKey): JsonObject => {
  const keys = Array.isArray(nats.signing_keys) ? (nats.signing_keys as readonly unknown[]) : []
  const others = keys.filter(one => !Scope.is(one) || one.role !== kind)
  const scope = { kind: 'user_scope', key, role: kind, template: templateClaims(rights) }
  return { ...nats, signing_keys: [...others, scope] }
}

/** The claims with these revocations and no others. */
export const withRevocations = (
  nats: JsonObject,
  revocations: Readonly<Record<string, number>>,
): JsonObject => ({ ...nats, revocations })

const UserClaims = fieldsOf({}, { tags: t.array(t.string) })

export type UserOfClaims = {
  /** The user's public key. */
  readonly key: string
  /** The public key that signed the user. */
  readonly issuer: string
  readonly tags: readonly string[]
}

/** What the JWT of a user says; undefined for one that is none. */
export const readUserClaims = ({ sub, iss, nats }: Claims): UserOfClaims | undefined =>
  pipe(
    UserClaims.decode(nats),
    E.fold(
      () => undefined,
      ({ tags = [] }) => ({ key: sub, issuer: iss, tags }),
    ),
  )

const OperatorClaims = fieldsOf({}, { signing_keys: t.array(t.string), system_account: t.string })

export type Operator = {
  /** The public keys whose signature counts on an account. */
  readonly issuers: readonly string[]
  readonly system_account: string | undefined
}

/** Who signs accounts, by the operator's own JWT; nobody, when it is none. */
export const operatorOf = (operator_jwt: string): Operator =>
  pipe(
    readJwt(operator_jwt),
    E.chain(({ sub, nats }) =>
      pipe(
        OperatorClaims.decode(nats),
        E.mapLeft(describeErrors),
        E.map(({ signing_keys = [], system_account }) => ({
          issuers: [sub, ...signing_keys],
          system_account,
        })),
      ),
    ),
    E.getOrElse((): Operator => ({ issuers: [], system_account: undefined })),
  )
