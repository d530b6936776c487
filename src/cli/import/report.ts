/**
 * The report of an import: one JSON document, in a file or an object, that says what became of it, also when it failed. It is
 * for programs, and for people who were not there when a task ran.
 */

import { open } from 'node:fs/promises'
import { wholeFile } from '../../export/target.js'
import { isObjectUrl } from '../../objects/address.js'
import { Failure } from '../../process/failure.js'
import { tell } from '../../process/output.js'
import { addressOf, endOrAbandon, openObjects, orFailObject, writeObjectAt } from '../objects.js'
import { type Counts, noCounts } from './run.js'

/** What is known of an import while it runs. */
export type Facts = {
  /** Where the rows come from: a path, a URL, a table, or `stdin`. */
  source: string
  digest?: string
  counts: Counts
  /** The place of the rejects; undefined while, or because, there are none. */
  rejects?: string
  readonly is_dry_run: boolean
  readonly started_at: Date
}

/** How it ended: the rows in rejects are an end, too. */
type Ending =
  | { readonly tag: 'imported' }
  | { readonly tag: 'some_rejected' | 'failed'; readonly message: string; readonly exit_code: number }

/** A document begins with this, so that no other file or object is ever replaced by a report. */
const BEGINNING = '{\n  "jetledger_import": 1,\n'

export const beginFacts = (source: string, is_dry_run: boolean): Facts => ({
  source,
  counts: noCounts(),
  is_dry_run,
  started_at: new Date(),
})

/** The failure of an import that was carried out, and has rows among its rejects. */
export class SomeRejected extends Failure {}

const endingOf = (thrown: unknown): Ending => {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const exit_code = thrown instanceof Failure ? thrown.exit_code : 1
  return { tag: thrown instanceof SomeRejected ? 'some_rejected' : 'failed', message, exit_code }
}

const textOf = (facts: Facts, ending: Ending, now: Date): string => {
  const { codes, ...counts } = facts.counts
  const document = {
    jetledger_import: 1,
    outcome: ending.tag,
    ...(ending.tag === 'imported'
      ? { exit_code: 0 }
      : { exit_code: ending.exit_code, message: ending.message }),
    source: facts.source,
    digest: facts.digest ?? null,
    is_dry_run: facts.is_dry_run,
    ...counts,
    codes: Object.fromEntries(codes),
    rejects: facts.rejects ?? null,
    started_at: facts.started_at.toISOString(),
    ended_at: now.toISOString(),
    duration_ms: now.getTime() - facts.started_at.getTime(),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

const beginningOfFile = async (path: string): Promise<Buffer> => {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return Buffer.alloc(0)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING.length), 0, BEGINNING.length, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

const beginningOfObject = async (url: string): Promise<Buffer> => {
  const address = addressOf(url)
  const store = await openObjects()
  return (await orFailObject(() => store.beginning(address, BEGINNING.length))) ?? Buffer.alloc(0)
}

/** Looks whether a report may be written to a place. Throws `Failure` when it cannot be looked at, or holds something else. */
const checkPlace = async (place: string): Promise<void> => {
  try {
    const beginning = await (isObjectUrl(place) ? beginningOfObject(place) : beginningOfFile(place))
    if (beginning.length > 0 && beginning.toString() !== BEGINNING)
      throw new Error(
        'it has another content than the report of an import: remove it, or name another place with --report',
      )
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const exit_code = cause instanceof Failure ? cause.exit_code : 2
    throw new Failure(`the report ${place}: ${why}`, { cause, exit_code })
  }
}

/** Writes the report in the place of an earlier one. Throws `Failure`. */
const writeReport = async (place: string, facts: Facts, ending: Ending): Promise<void> => {
  try {
    const target = await (isObjectUrl(place) ? writeObjectAt(place) : wholeFile(place))
    await target.write(textOf(facts, ending, new Date()))
    await endOrAbandon(target)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Failure(`the report ${place}: ${why}`, { cause })
  }
}

/**
 * Runs an import, and writes its report to a place, also when the import fails. Throws what the import throws, or `Failure`
 * when there cannot be a report.
 */
export const reportTo = async (place: string, facts: Facts, work: () => Promise<void>): Promise<void> => {
  await checkPlace(place)
  try {
    await work()
  } catch (thrown) {
    // the failure of the import is the one to end with
    await writeReport(place, facts, endingOf(thrown)).catch((failure: Error) => tell(failure.message))
    throw thrown
  }
  await writeReport(place, facts, { tag: 'imported' })
}
