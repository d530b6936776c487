/**
 * The users of `jetledger dev --secure`: one of each kind, and the one of the process itself, which serves all roles over
 * one connection, seeds the ledger, and makes streams and consumers.
 */

import { claimsOf } from './render.js'
import { inboxPrefixOf, type Permissions, permissionsOf, USERS, type User } from './users.js'

/** The name of the process's own user. */
export const DEV_USER = 'dev'

const KINDS_OF_DEV: readonly User[] = [
  'commands',
  'projections',
  'queries',
  'gateway',
  'operations',
  'seed',
  'operator',
]

/** JetStream answers there once it is ready, which the start of nats-server waits for. */
const JETSTREAM_INFO = '$JS.API.INFO'

const permissionsOfDev = (): Permissions => {
  const all = KINDS_OF_DEV.map(kind => permissionsOf(kind, {}, { name: DEV_USER }))
  const inboxes = { subject: `${inboxPrefixOf(DEV_USER)}.>` }
  const served = all.flatMap(({ subscribe }) =>
    subscribe.filter(({ subject }) => subject !== inboxes.subject),
  )
  return {
    publish: [...new Set([JETSTREAM_INFO, ...all.flatMap(({ publish }) => publish)])],
    subscribe: [inboxes, ...served],
  }
}

/** The rights of each user, by its name, as the claims of its JWT have them. */
export const claimsOfDev = (): ReadonlyMap<string, ReturnType<typeof claimsOf>> =>
  new Map([
    [DEV_USER, claimsOf(permissionsOfDev())],
    ...USERS.map(user => [user, claimsOf(permissionsOf(user))] as const),
  ])
