/**
 * `jetledger verify --chain`: compares the stream with its signed heads, and names each event that is not in its place.
 */

import { type ChainReport, checkChain, isIntact, type LineReport } from '../chain/check.js'
import type { Finding } from '../chain/compare.js'
import { readSignedHead, type SignedHead } from '../chain/head.js'
import type { RootFinding } from '../chain/roots.js'
import { E } from '../fp.js'
import { readJson } from '../json.js'
import { Failure, NO_ANSWER_CODE, orFail } from '../process/failure.js'
import { print, printJson } from '../process/output.js'
import { readTextFile } from '../process/text-file.js'
import { manager } from '../stream/provision.js'
import { HEAD_STREAM, LEDGER_STREAM } from '../stream/settings.js'
import { withNats } from './command.js'
import { startProgressBar } from './progress-bar.js'
import { hasHeads, NO_HEADS } from './signed-heads.js'

export type ChainOptions = {
  readonly heads?: string
  readonly key: readonly string[]
  readonly line?: number
  readonly limit: number
  readonly json?: true
}

/** Reads heads that were kept: one JSON object a line. Throws `Failure` for a line that is no genuine head of a given key. */
const readKept = (path: string, keys: readonly string[]): readonly SignedHead[] =>
  readTextFile('--heads', path)
    .split('\n')
    .flatMap((line, i): SignedHead[] => {
      if (line.trim() === '') return []
      const json = readJson(line)
      const head = E.isLeft(json) ? json : readSignedHead(json.right)
      const refused = E.isLeft(head)
        ? head.left
        : keys.length > 0 && !keys.includes(head.right.key)
          ? `it is signed with ${head.right.key}, which is not a given key`
          : undefined
      if (E.isLeft(head) || refused !== undefined)
        throw new Failure(`--heads: ${path}, line ${i + 1}: ${refused}`, { exit_code: 2 })
      return [head.right]
    })

const nameOf = ({ size, at }: SignedHead): string => `the head of ${size} events, signed at ${at}`
const rangeOf = (from: number, to: number): string =>
  from === to ? `event ${from}` : `events ${from} to ${to}`

const sentenceOf = (finding: Finding): string => {
  const proof = `(${nameOf(finding.head)})`
  switch (finding.kind) {
    case 'changed':
      return `event ${finding.seq} was changed ${proof}`
    case 'missing':
      return `event ${finding.seq} was removed ${proof}`
    case 'added':
      return `event ${finding.seq} was put in: nothing was signed in its place ${proof}`
    case 'exchanged':
      return `events ${finding.seq} and ${finding.with_seq} were exchanged ${proof}`
    case 'moved':
      return `event ${finding.seq} was moved to ${finding.to_seq} ${proof}`
    case 'cut':
      return `${rangeOf(finding.seq, finding.last_seq)} are gone from the end of the stream ${proof}`
    case 'time':
      return `${rangeOf(finding.seq, finding.last_seq)}: the same, but stored at another time: the stream was written anew ${proof}`
  }
}

const rootSentence = ({ head, after_seq, ends_at }: RootFinding): string =>
  ends_at === undefined
    ? `${rangeOf(after_seq + 1, head.size)}: at least one is not as it was signed (${nameOf(head)})`
    : `the stream ends at ${ends_at}, but ${head.size} events were signed (${nameOf(head)})`

const printLine = ({ line, findings, roots, ended_seq, newest }: LineReport): void => {
  const prefix = line === 1 ? '' : `line ${line}: `
  for (const finding of findings) print(`${prefix}${sentenceOf(finding)}`)
  for (const finding of roots) print(`${prefix}${rootSentence(finding)}`)
  if (ended_seq !== undefined) print(`${prefix}(compared up to event ${ended_seq}; --limit lists more)`)
  if (newest !== undefined)
    print(`${prefix}newest head: ${newest.size} events, ${newest.root}, signed at ${newest.at}`)
}

const printReport = (report: ChainReport, keys: readonly string[]): void => {
  for (const { place, detail } of report.problems) print(`message ${place} of ${HEAD_STREAM}: ${detail}`)
  for (const line of report.lines) printLine(line)
  print(`stream       ${report.seq} events, ${report.unsigned} of them not signed yet`)
  print(`heads        ${report.heads} in NATS, ${report.kept} that were kept elsewhere`)
  print(`signed with  ${report.keys.join(', ')}${keys.length === 0 ? ' (no --key was given)' : ''}`)
}

const check = (options: ChainOptions, kept: readonly SignedHead[]): Promise<ChainReport> =>
  withNats(async ({ nc }) => {
    const jsm = await orFail(manager(nc))
    const has_heads = await hasHeads(nc)
    if (!has_heads && kept.length === 0) throw new Failure(NO_HEADS)
    const bar = startProgressBar('comparing', 'events')
    try {
      return await checkChain({ nc, jsm }, has_heads, {
        keys: options.key,
        kept,
        line: options.line,
        findings_max: options.limit,
        onProgress: bar.update,
      })
    } finally {
      bar.end()
    }
  })

/** Exit codes: 0 everything is as it was signed, 1 something is not, 2 it could not be checked. */
export const verifyChain = async (options: ChainOptions): Promise<void> => {
  const kept = options.heads === undefined ? [] : readKept(options.heads, options.key)
  const report = await check(options, kept).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause)
    const is_away = cause instanceof Failure && cause.exit_code === NO_ANSWER_CODE
    throw new Failure(`it could not be verified: ${why}`, {
      cause,
      exit_code: is_away ? NO_ANSWER_CODE : 2,
    })
  })
  if (options.json) printJson(report)
  else printReport(report, options.key)
  if (!isIntact(report)) throw new Failure(`${LEDGER_STREAM} is not as it was signed`)
  if (report.lines.length === 0)
    throw new Failure(`no head of line ${options.line} was found`, { exit_code: 2 })
}
