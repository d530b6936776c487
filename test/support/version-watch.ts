/** Reads balances through several followers of the pointer in turn, and notices when a version goes back. */

import type { JetStreamManager } from '@nats-io/jetstream'
import { followGeneration } from '../../src/generations/follow.js'
import type { AccountId } from '../../src/ledger/account-id.js'
import { tableName } from '../../src/tables/definition.js'
import { readHeads } from '../../src/tables/heads.js'
import type { VerifyDeps } from '../../src/verify/deps.js'
import { right } from './ledger.js'

type WatchedServer = {
  readonly reads: number
  /** The tables that were read, in the order of their first read. */
  readonly tables: readonly string[]
  /** One text for each read of a version older than an earlier read of the same customer. */
  readonly went_back: readonly string[]
}

export type VersionWatch = {
  /** Stops reading. Throws the error of a failed read. */
  readonly stop: () => Promise<WatchedServer>
}

const FOLLOWERS = 4

/** Reads the customers repeatedly; each follower stands for one instance, and they answer in turn. */
export const watchVersions = (
  { jsm, tables, base_table: base }: VerifyDeps & { readonly jsm: JetStreamManager },
  ids: readonly AccountId[],
): VersionWatch => {
  const followers = Array.from({ length: FOLLOWERS }, () => followGeneration(jsm, 'ledger'))
  const ending = new AbortController()
  const seen = new Map<AccountId, number>()
  const names: string[] = []
  const went_back: string[] = []
  let reads = 0

  const readOnce = async (): Promise<void> => {
    const follower = followers[reads % FOLLOWERS]
    if (follower === undefined) return
    const generation = follower.current() ?? (await right(() => follower.refresh()))
    const table = tableName(base, 'ledger', generation)
    if (names.at(-1) !== table) names.push(table)
    for (const [id, { account }] of await right(readHeads(tables, table, ids))) {
      const before = seen.get(id) ?? 0
      if (account.version < before) went_back.push(`${id} from ${before} to ${account.version} in ${table}`)
      seen.set(id, account.version)
    }
    reads += 1
  }

  const reading = (async () => {
    while (!ending.signal.aborted) await readOnce()
  })()
  // `stop` throws this error; until then it must not count as unhandled
  reading.catch(() => undefined)

  return {
    stop: async () => {
      ending.abort()
      for (const follower of followers) follower.stop()
      await reading
      return { reads, tables: names, went_back }
    },
  }
}
