/** Starts a nats-server that denies subscriptions to one subject. */

import { startConfiguredNats } from '../../../test/support/configured-nats.js'

/** Starts a server where no client may subscribe to `denied`; everything else is allowed without a login. */
export const startRestrictedNats = (
  denied: string,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> =>
  startConfiguredNats(`no_auth_user: anybody
authorization { users: [ { user: anybody, password: x, permissions: { subscribe: { deny: ${JSON.stringify(denied)} } } } ] }`)
