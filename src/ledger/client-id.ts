/** Client ids: the names of customers. */

import { t } from '../fp.js'

/** Marks the id of an account (`account-id.ts`); each client id is one. */
export interface AccountIdBrand {
  readonly AccountId: unique symbol
}

interface ClientIdBrand {
  readonly ClientId: unique symbol
}

/**
 * A customer's id: one NATS token, 1 to 64 characters (docs/adr/0001). It is also the id of the customer's account in the
 * default asset.
 */
export type ClientId = string & AccountIdBrand & ClientIdBrand

const PATTERN = /^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/

export const CLIENT_ID_RULE =
  'must be 1 to 64 characters of A-Z a-z 0-9 _ : @ - that begin with a letter or a digit'

/** Whether `u` is a client id. */
export const isClientId = (u: unknown): u is ClientId => typeof u === 'string' && PATTERN.test(u)

/** Decodes a client id. The failure's message states the rule. */
export const ClientId = new t.Type<ClientId, string, unknown>(
  'ClientId',
  isClientId,
  (u, context) => (isClientId(u) ? t.success(u) : t.failure(u, context, CLIENT_ID_RULE)),
  String,
)
