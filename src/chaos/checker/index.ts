/**
 * The checker of a chaos run: an outside opinion of what the clients were told, what the stream holds, and what the tables
 * say. It shares no code with the program that it judges (.dependency-cruiser.mjs says so).
 *
 * - `calls.ts`, `writes.ts`, `reads.ts` read the history; `json.ts`, `event.ts`, `fold.ts` the stream;
 * - `world.ts` puts both together and concludes what was stored before what;
 * - `checks/` holds the promises, a pure function each; `judge.ts` is the list of them;
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

/** Checks a run that has come to rest: faults healed, clients stopped, servers and instances still there. */
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
