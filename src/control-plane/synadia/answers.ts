/** The answers of Synadia Cloud's REST API, as far as they are used here. */

import { t } from '../../fp.js'
import { fieldsOf } from '../../ledger/codec.js'
import { LimitClaims, Template } from '../nats-claims.js'

const Settings = fieldsOf({}, { limits: LimitClaims })

export const AccountView = fieldsOf(
  { id: t.string, name: t.string, is_system_account: t.boolean },
  { jwt_settings: Settings },
)
export const AccountList = fieldsOf({ items: t.array(AccountView) })

/** A group of signing keys; one with a scope is what NATS calls a scoped signing key. */
export const KeyGroupView = fieldsOf({ id: t.string, name: t.string }, { scope: Template })
export type KeyGroup = t.TypeOf<typeof KeyGroupView>
export const KeyGroupList = fieldsOf({ items: t.array(KeyGroupView) })

const UserSettings = fieldsOf({}, { tags: t.array(t.string) })
export const UserView = fieldsOf(
  { id: t.string, name: t.string, user_public_key: t.string },
  { sk_group_id: t.string, jwt_settings: UserSettings },
)
export type NatsUser = t.TypeOf<typeof UserView>
export const UserList = fieldsOf({ items: t.array(UserView) })

const StreamName = fieldsOf({ name: t.string })
const StreamState = fieldsOf({ messages: t.number })
const StreamView = fieldsOf({ config: StreamName, state: StreamState })
export const StreamList = fieldsOf({ items: t.array(StreamView) })
