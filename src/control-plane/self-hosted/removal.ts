/**
 * Deletes an account of one's own servers. Deleting its JWT alone would leave its streams on the servers' disks, and bring
 * them back with the next account of that key. So the streams are deleted first, and the keys after everything else.
 *
 * Nobody may write between the look at the streams and their deletion: before the look that counts, all users of the
 * account are revoked. When it finds messages, the users are let in again. A deletion that was ended amid leaves the users
 * out until it is run again: either it goes on, or it refuses and lets them in.
 */

import { Failed } from '../../fp.js'
import { type Holding, refusalOf } from '../provider.js'
import type { NatsAccount } from '../state.js'
import {
  changeAccount,
  EVERY_USER,
  inAccount,
  keysOf,
  type Read,
  readAccount,
  type SelfHosted,
} from './account.js'
import { withRevocations } from './claims.js'
import { now_s, signJwt } from './jwt.js'
import { remove } from './resolver.js'

const isLocked = ({ of }: Read): boolean => of.revocations[EVERY_USER] !== undefined

const lock = async (hosted: SelfHosted, account: NatsAccount, read: Read): Promise<Read> => {
  const revocations = { ...read.of.revocations, [EVERY_USER]: now_s() }
  await changeAccount(hosted, read, withRevocations(read.claims.nats, revocations))
  return readAccount(hosted, account)
}

const unlock = async (hosted: SelfHosted, read: Read): Promise<void> => {
  const { [EVERY_USER]: _, ...revocations } = read.of.revocations
  await changeAccount(hosted, read, withRevocations(read.claims.nats, revocations))
}

/** Throws `Failed` for an account with messages, whose users are let in first. */
const refuseFull = async (
  hosted: SelfHosted,
  account: NatsAccount,
  read: Read,
  holdings: readonly Holding[],
): Promise<void> => {
  const refusal = refusalOf(account, holdings)
  if (refusal === undefined) return
  if (isLocked(read)) await unlock(hosted, read)
  throw new Failed(refusal)
}

/** Lets the servers delete the JWT of an account. */
const removeJwt = async ({ keys, system }: SelfHosted, { id }: NatsAccount): Promise<void> => {
  const signing = keys.signing()
  const wanted = {
    // the servers want this JWT to be about who signs it
    sub: signing.getPublicKey(),
    name: 'delete accounts',
    type: 'generic',
    nats: { accounts: [id] },
    iat_s: now_s(),
  } as const
  await remove(system, id, signJwt(signing, wanted))
}

/** Deletes the streams of an account. Throws `Failed` for one that holds messages and is not forced. */
const removeStreams = async (hosted: SelfHosted, account: NatsAccount, is_forced: boolean): Promise<void> => {
  const found = await readAccount(hosted, account)
  // a look before the users are revoked, so that a deletion that is refused disturbs nobody
  if (!is_forced)
    await inAccount(hosted, account, found, async ({ holdings }) =>
      refuseFull(hosted, account, found, await holdings()),
    )
  const locked = isLocked(found) ? found : await lock(hosted, account, found)
  await inAccount(hosted, account, locked, async ({ holdings, deleteStreams }) => {
    if (!is_forced) await refuseFull(hosted, account, locked, await holdings())
    await deleteStreams()
  })
}

/** Deletes an account with its streams and its keys. Throws `Failed`, also for one that holds messages and is not forced. */
export const removeAccount = async (
  hosted: SelfHosted,
  account: NatsAccount,
  is_forced: boolean,
): Promise<void> => {
  // the streams of an account that a server brought back were deleted with it
  if (!hosted.keys.isDropped(account.id)) {
    keysOf(hosted, account)
    await removeStreams(hosted, account, is_forced)
  }
  await removeJwt(hosted, account)
  hosted.keys.dropAccount(account.id)
}
