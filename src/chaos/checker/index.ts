/**
 * The checker of a chaos run compares what the clients were told with the stream and the table. It shares no code with the
 * program that it judges (.dependency-cruiser.mjs enforces that).
 *
 * - `calls.ts`, `writes.ts`, `reads.ts` read the history; `json.ts`, `event.ts`, `fold.ts` read the stream;
 * - `world.ts` puts both together and concludes which event was stored before which;
 * - `checks/` holds one pure function for each promise; `judge.ts` lists them;
 * - `observer.ts` watches the projection while the run goes on;
 * - `jetstream.ts`, `dynamodb.ts`, `outside.ts` read the servers once everything is at rest.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { readHistory } from './calls.js'
import { checkCopies, checkProgress } from './checks/outside.js'
import { openTables } from './dynamodb.js'
import { foldAll, type Ledger } from './fold.js'
import { openNats } from './jetstream.js'
import { judge } from './judge.js'
import { readObservations } from './observer.js'
import type { CheckOptions } from './options.js'
import { checkOutside, readLedgerStream, type StreamRead } from './outside.js'
import type { Report } from './report.js'
import { summariesOf } from './summary.js'
import { createWorld } from './world.js'

export { startObserver } from './observer.js'
export type { CheckOptions } from './options.js'
export type { Report } from './report.js'

/** The program writes an event for each hold that expires, and a hold that expires while the table is read would change it. */
const SOON_MS = 30_000
const AGAIN_MS = 1_000

/** The holds that have expired, or will soon, and of which no event says so. */
const expiringIn = (ledger: Ledger, until_ms: number): number =>
  ledger
    .customers()
    .flatMap(id => ledger.stateAt(id, ledger.last_seq).terms?.holds ?? [])
    .filter(({ expires_ms }) => expires_ms <= until_ms).length

type AtRest = { readonly stream: StreamRead; readonly problems: readonly string[] }

/** Reads the stream once no hold is about to expire. */
const readAtRest = async (
  nc: Awaited<ReturnType<typeof openNats>>,
  copies: number,
  timeout_ms: number,
): Promise<AtRest> => {
  const deadline_ms = performance.now() + timeout_ms
  for (;;) {
    const stream = await readLedgerStream(nc, copies, timeout_ms)
    const expiring = expiringIn(foldAll(stream.entries), Date.now() + SOON_MS)
    if (expiring === 0) return { stream, problems: [] }
    if (performance.now() >= deadline_ms)
      return { stream, problems: [`${expiring} holds have expired and no event says so`] }
    await sleep(AGAIN_MS)
  }
}

/** Checks a run that has come to rest: faults are healed, clients stopped, servers and instances still running. */
export const checkRun = async (options: CheckOptions): Promise<Report> => {
  const { directory, nodes, dynamodb_endpoint, ddb_table, timeout_ms } = options
  const history = await readHistory(directory)
  const nc = await openNats(nodes.map(({ url }) => url))
  const tables = openTables(dynamodb_endpoint)
  try {
    const copies = nodes.length
    const { stream, problems: unswept } = await readAtRest(nc, copies, timeout_ms)
    const world = createWorld(history, stream.entries)
    const { ledger } = world
    const outside = await checkOutside(nc, tables, { ledger, ddb_table, copies }, timeout_ms)
    const findings = [
      ...judge(world),
      ...outside.findings,
      checkCopies([...stream.copies, ...outside.letter_copies]),
      checkProgress(await readObservations(directory), history.notes),
    ]
    const problems = [...history.problems, ...ledger.problems, ...unswept]
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
