/**
 * The checker of a chaos run compares what the clients were told with the stream and the tables. It shares no code with the
 * program that it judges (.dependency-cruiser.mjs enforces that).
 *
 * - `calls.ts`, `writes.ts`, `reads.ts` read the history; `json.ts`, `event.ts`, `fold.ts` read the stream;
 * - `world.ts` puts both together and concludes which event was stored before which;
 * - `checks/` holds one pure function for each promise; `judge.ts` lists them;
 * - `observer.ts` watches the projections while the run goes on;
 * - `jetstream.ts`, `dynamodb.ts`, `outside.ts` read the servers once everything is at rest.
 */

import { readHistory } from './calls.js'
import { checkCopies, checkProgress } from './checks/outside.js'
import { openTables } from './dynamodb.js'
import { openNats } from './jetstream.js'
import { judge } from './judge.js'
import { readObservations } from './observer.js'
import type { CheckOptions } from './options.js'
import { checkOutside, readLedgerStream } from './outside.js'
import type { Report } from './report.js'
import { summariesOf } from './summary.js'
import { createWorld } from './world.js'

export { startObserver } from './observer.js'
export type { CheckOptions } from './options.js'
export type { Report } from './report.js'

/** Checks a run that has come to rest: faults are healed, clients stopped, servers and instances still running. */
export const checkRun = async (options: CheckOptions): Promise<Report> => {
  const { directory, nodes, dynamodb_endpoint, ddb_table, timeout_ms } = options
  const history = await readHistory(directory)
  const nc = await openNats(nodes.map(({ url }) => url))
  const tables = openTables(dynamodb_endpoint)
  try {
    const copies = nodes.length
    const stream = await readLedgerStream(nc, copies, timeout_ms)
    const world = createWorld(history, stream.entries)
    const { ledger } = world
    const outside = await checkOutside(nc, tables, { ledger, ddb_table, copies }, timeout_ms)
    const findings = [
      ...judge(world),
      ...outside.findings,
      checkCopies([...stream.copies, ...outside.letter_copies]),
      checkProgress(await readObservations(directory), history.notes),
    ]
    const problems = [...history.problems, ...ledger.problems]
    return {
      is_good: problems.length === 0 && findings.every(({ result }) => result.violations === 0),
      checks: findings.map(({ result }) => result),
      violations: findings.flatMap(({ violations }) => violations),
      kinds: summariesOf(world.calls),
      events: ledger.all.length,
      customers: ledger.customers().length,
      problems,
    }
  } finally {
    tables.close()
    await nc.close()
  }
}
