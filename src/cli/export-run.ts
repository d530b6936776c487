/**
 * What all kinds of `jetledger export` share: where they write, progress on a terminal, the last sequence, and how they
 * fail.
 */

import type { NatsConnection } from 'nats'
import { CannotGoOn } from '../export/growing-file.js'
import { Gap, provedEnd } from '../export/read.js'
import { type ExportTarget, outputTarget, ReaderGone, wholeFile } from '../export/target.js'
import { Failed } from '../fp.js'
import { Failure } from '../process/failure.js'
import { printableText, tell } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { toStreamError } from '../stream/errors.js'
import { withNats } from './command.js'
import { type ProgressBar, startProgressBar } from './progress-bar.js'

export type Run = {
  readonly nc: NatsConnection
  /** The last sequence that the export holds. */
  readonly to_seq: number
  /** Says how far the reading is. Throws `Failure` when somebody has asked the program to stop. */
  readonly at: (seq: number) => void
}

const silent: ProgressBar = { update: () => undefined, end: () => undefined }

/** A file's own failures are sentences already. */
const isOfFiles = (thrown: unknown): thrown is Error =>
  thrown instanceof Error && 'syscall' in thrown && 'path' in thrown

const failureOf = (thrown: unknown): unknown => {
  if (thrown instanceof Failure) return thrown
  if (thrown instanceof Failed || thrown instanceof Gap || thrown instanceof CannotGoOn || isOfFiles(thrown))
    return new Failure(thrown.message, { cause: thrown })
  const { tag, message } = toStreamError('read the ledger', thrown)
  return tag === 'Unexpected' ? thrown : new Failure(message, { cause: thrown })
}

/**
 * Runs an export up to the proved end of the ledger, or up to `to_seq`, and tells the last sequence on standard error. It
 * ends quietly when nobody reads the output any more.
 */
export const runExport = async (
  asked_seq: number | undefined,
  work: (run: Run) => Promise<void>,
): Promise<void> => {
  const { signal } = stopRequested()
  const bar = process.stderr.isTTY ? startProgressBar('reading', 'events') : silent
  try {
    await withNats(async ({ nc }) => {
      const end_seq = await provedEnd(nc)
      const to_seq = Math.min(asked_seq ?? end_seq, end_seq)
      const at = (seq: number): void => {
        bar.update(seq, to_seq)
        if (signal.aborted) throw new Failure('stopped')
      }
      await work({ nc, to_seq, at })
      bar.end()
      tell(`last sequence ${to_seq}`)
    })
  } catch (thrown) {
    if (!(thrown instanceof ReaderGone)) throw failureOf(thrown)
  } finally {
    bar.end()
  }
}

/** Standard output, made harmless where it is a terminal, which obeys control characters in texts of strangers. */
export const standardOutput = (): ExportTarget => {
  const target = outputTarget(process.stdout)
  if (!process.stdout.isTTY) return target
  return {
    ...target,
    write: chunk => target.write(typeof chunk === 'string' ? printableText(chunk) : chunk),
  }
}

/** Writes to a file that appears whole, or to standard output, whatever `fill` gives. */
export const writeWhole = async (
  path: string | undefined,
  fill: (write: ExportTarget['write']) => Promise<void>,
): Promise<void> => {
  const target = path === undefined ? standardOutput() : await wholeFile(path)
  try {
    await fill(target.write)
    await target.end()
  } catch (thrown) {
    await target.abandon()
    throw thrown
  }
}
