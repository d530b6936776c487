/**
 * Translates between an account as the control plane knows it and the claims of the account's JWT. Claims that the control
 * plane does not know (exports, imports, mappings) stay as they are.
 */

import { E, type Either, pipe, t } from '../../fp.js'
import type { JsonObject } from '../../json.js'
import { describeErrors, fieldsOf, recordOf } from '../../ledger/codec.js'
import { USERS, type User } from '../../permissions/users.js'
import {
  LimitClaims,
  limitClaims,
  limitsOf,
  rightsOfTemplate,
  Template,
  templateClaims,
} from '../nats-claims.js'
import type { Limits, Rights } from '../state.js'
import { type JwtClaims, readJwt } from './jwt.js'

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
export const readUserClaims = ({ sub, iss, nats }: JwtClaims): UserOfClaims | undefined =>
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
