/**
 * Checks the ledger stream against signed heads: those of the stream of heads, and those that someone kept elsewhere.
 *
 * The heads in NATS name each event, but who may rewrite the ledger may rewrite them too, and only lacks the key. The heads
 * that were kept elsewhere catch also an operator who has the key, because they cannot be taken back.
 */

import { run } from '../fp.js'
import { leadershipOf } from '../stream/leadership.js'
import type { Reader } from '../stream/read.js'
import { createAhead } from './ahead.js'
import { compareLine, type Finding } from './compare.js'
import { readEntries } from './entries.js'
import type { SignedHead } from './head.js'
import { newestMessage, readHeads } from './head-stream.js'
import { type Entry, hashOf } from './leaf.js'
import { createRoots, type RootFinding, type Roots } from './roots.js'
import { readLines, type SignedLeaf } from './signed.js'

export type CheckOptions = {
  /** The public nkeys that may have signed; none: each head is checked with the key that it names. */
  readonly keys: readonly string[]
  /** Heads that were kept elsewhere; their signatures are checked already. */
  readonly kept: readonly SignedHead[]
  /** The only line that is checked; undefined: every line. */
  readonly line?: number | undefined
  /** The number of findings after which the comparison of a line ends. */
  readonly findings_max: number
  readonly onProgress: (done: number, total: number) => void
}

/** What was found in one line of heads. */
export type LineReport = {
  readonly line: number
  readonly findings: readonly Finding[]
  /** The comparison ended at this sequence, because there were too many findings. */
  readonly ended_seq?: number | undefined
  /** Heads whose root is not that of the stream. */
  readonly roots: readonly RootFinding[]
  /** The newest head of the line. */
  readonly newest?: SignedHead | undefined
}

export type ChainReport = {
  /** The sequence at which the stream ends. */
  readonly seq: number
  /** The number of heads in NATS that are genuine, and follow each other. */
  readonly heads: number
  readonly kept: number
  readonly keys: readonly string[]
  readonly lines: readonly LineReport[]
  /** What is wrong with the stream of heads itself. */
  readonly problems: readonly { readonly place: number; readonly detail: string }[]
  /** The events at the end that no head vouches for yet. */
  readonly unsigned: number
}

/** The number of problems of the stream of heads that are listed. */
const PROBLEMS_MAX = 1_000

/** Whether anything contradicts the heads. */
export const isIntact = ({ lines, problems }: ChainReport): boolean =>
  problems.length === 0 && lines.every(({ findings, roots }) => findings.length === 0 && roots.length === 0)

async function* nothing(): AsyncGenerator<never> {
  // a line of which there are only kept heads has no leaves
}

/** Compares one line with the whole stream. */
const checkLine = async (
  entries: AsyncIterator<readonly Entry[]>,
  pages: AsyncIterator<readonly SignedLeaf[]>,
  roots: Roots,
  findings_max: number,
): Promise<Pick<LineReport, 'findings' | 'ended_seq' | 'roots'>> => {
  const [signed, stored] = [createAhead(pages), createAhead(entries)]
  let passed = 0
  const take = (hash: Buffer): void => {
    passed += 1
    roots.take(hash)
  }
  const { findings, ended_seq } = await compareLine(signed, stored, findings_max, take)
  // the pages have to be read to their end, so that the next line is found
  while ((await signed.at(0)) !== undefined) signed.take()
  for (let entry = await stored.at(0); entry !== undefined && passed < roots.waitsFor(); ) {
    take(hashOf(entry))
    stored.take()
    entry = await stored.at(0)
  }
  return { findings, ended_seq, roots: roots.end() }
}

const PASSED = 'its root cannot be compared: it comes after heads of more events'

/** Checks the stream. Throws `Failed` with a `StreamError` when the ledger or the heads cannot be read. */
export const checkChain = async (
  reader: Reader,
  has_heads: boolean,
  { keys, kept, line: only, findings_max, onProgress }: CheckOptions,
): Promise<ChainReport> => {
  // the end of the ledger is asked for after the newest head, so that it is not before the events of that head
  const newest_message = has_heads ? await run(newestMessage(reader.nc)) : undefined
  const proof = await run(leadershipOf(reader.nc).prove())
  const problems: { place: number; detail: string }[] = []
  const reports: LineReport[] = []
  const used = new Set<string>(kept.map(({ key }) => key))
  const current: { roots: Roots; heads: number; newest: SignedHead | undefined } = {
    roots: createRoots([]),
    heads: 0,
    newest: undefined,
  }
  const onProblem = (place: number, detail: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push({ place, detail })
  }
  const onHead = (place: number, head: SignedHead, is_proved: boolean): void => {
    current.heads += 1
    current.newest = head
    used.add(head.key)
    if (!is_proved && !current.roots.add(head)) onProblem(place, PASSED)
  }
  async function* entries(): AsyncGenerator<readonly Entry[]> {
    for await (const page of readEntries(reader, proof, 1, proof.last_seq)) {
      onProgress(page.at(-1)?.seq ?? 0, proof.last_seq)
      yield page
    }
  }
  const checkOne = async (line: number, pages: AsyncIterator<readonly SignedLeaf[]>): Promise<void> => {
    current.newest = undefined
    current.roots = createRoots(kept.filter(head => head.line === line))
    if (only === undefined || only === line) {
      const checked = await checkLine(entries(), pages, current.roots, findings_max)
      reports.push({ line, ...checked, newest: current.newest })
      return
    }
    for (let page = await pages.next(); page.done !== true; ) page = await pages.next()
    problems.length = 0
  }
  const lines = readLines(readHeads(reader.nc, newest_message?.place ?? 0), keys, proof.last_seq, {
    onProblem,
    onHead,
  })
  const seen = new Set<number>()
  for (let next = await lines.next(); next !== undefined; next = await lines.next()) {
    seen.add(next.line)
    await checkOne(next.line, next.pages)
  }
  for (const line of new Set(kept.map(head => head.line)))
    if (!seen.has(line)) await checkOne(line, nothing())
  return {
    seq: proof.last_seq,
    heads: current.heads,
    kept: kept.length,
    keys: [...used],
    lines: reports,
    problems,
    unsigned: Math.max(proof.last_seq - (current.newest?.size ?? 0), 0),
  }
}
