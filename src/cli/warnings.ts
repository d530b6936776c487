/**
 * Collects the warnings of `jetledger status`: the ledger works, but a person should change something soon.
 */

import { E } from '../fp.js'
import type { Members } from '../process/members.js'
import { judgeMembers } from '../process/server-health.js'
import { streamInfo } from '../stream/provision.js'
import { LEDGER_STREAM } from '../stream/settings.js'
import { type Connected, settingsFor } from './command.js'

/** Warnings about the servers' versions; versions that must not be used come first. */
const serverWarnings = async (connected: Connected, members: Members): Promise<readonly string[]> => {
  const { nc } = connected
  const info = await streamInfo(nc, LEDGER_STREAM)()
  const deps = { nc, settings: await settingsFor(connected) }
  const { refusal, warnings } = judgeMembers(deps, members, E.isLeft(info) ? undefined : info.right)
  return [...(refusal === undefined ? [] : [refusal]), ...warnings]
}

/** All warnings, each with the way to mend it. */
export const readWarnings = (connected: Connected, members: Members): Promise<readonly string[]> =>
  serverWarnings(connected, members)
