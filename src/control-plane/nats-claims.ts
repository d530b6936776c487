/**
 * The form that limits and rights have in the claims of NATS: in the JWTs of accounts, and in the answers of Synadia Cloud,
 * which takes it over.
 */

import { t } from '../fp.js'
import type { JsonObject } from '../json.js'
import { fieldsOf } from '../ledger/codec.js'
import type { Limits, Rights } from './state.js'

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
