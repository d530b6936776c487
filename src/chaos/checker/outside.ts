/**
 * Reads what lies outside the history: every replica's copy of the streams, the dead letters, and the table, which gets some
 * time to reach the end of the stream.
 */

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { type CopyDigest, checkLetters, checkTable } from './checks/outside.js'
import type { Tables } from './dynamodb.js'
import type { Entry } from './event.js'
import { type Contents, normalized } from './expected.js'
import type { Finding } from './findings.js'
import type { Ledger } from './fold.js'
import { readCopies, settledEnd } from './jetstream.js'
import { placeOf } from './place.js'

const LEDGER_STREAM = 'customer-balances'
const LETTER_STREAM = 'customer-dead-letters'
const LOOK_EVERY_MS = 500
const DIGEST_CHARS = 16

const digestOf = ({ subject, time_ns, headers, body }: Entry): string =>
  createHash('sha256')
    .update(JSON.stringify([subject, String(time_ns), [...headers], body]))
    .digest('base64')
    .slice(0, DIGEST_CHARS)

/** The entries of a stream, and a digest of each replica's copy. */
export type StreamRead = { readonly entries: readonly Entry[]; readonly copies: readonly CopyDigest[] }

const readStream = async (
  nc: NatsConnection,
  stream: string,
  copies_wanted: number,
  timeout_ms: number,
): Promise<StreamRead> => {
  const to_seq = await settledEnd(nc, stream, timeout_ms)
  let entries: readonly Entry[] = []
  const copies: CopyDigest[] = []
  await readCopies(nc, { stream, to_seq, copies: copies_wanted }, timeout_ms, copy => {
    // the longest copy is judged; the comparison of the copies reports what a shorter one lacks
    if (copy.entries.length > entries.length) entries = copy.entries
    const digests = new Map(copy.entries.map(entry => [entry.seq, digestOf(entry)]))
    copies.push({ node: copy.node, stream, digests })
  })
  return { entries, copies }
}

/** Reads the ledger stream from every replica. */
export const readLedgerStream = (
  nc: NatsConnection,
  copies: number,
  timeout_ms: number,
): Promise<StreamRead> => readStream(nc, LEDGER_STREAM, copies, timeout_ms)

const readTable = async (nc: NatsConnection, tables: Tables, base: string): Promise<Contents> => {
  const { table } = await placeOf(nc, base)
  return normalized((await tables.scan(table)) ?? new Map())
}

export type Outside = { readonly findings: readonly Finding[]; readonly letter_copies: readonly CopyDigest[] }

/** Compares the table and the dead letters with the fold until they agree or `timeout_ms` is over. */
export const checkOutside = async (
  nc: NatsConnection,
  tables: Tables,
  {
    ledger,
    ddb_table,
    copies,
  }: { readonly ledger: Ledger; readonly ddb_table: string; readonly copies: number },
  timeout_ms: number,
): Promise<Outside> => {
  const until_ms = performance.now() + timeout_ms
  for (;;) {
    const letters = await readStream(nc, LETTER_STREAM, copies, timeout_ms)
    const contents = await readTable(nc, tables, ddb_table)
    const findings = [checkTable(ledger, contents), checkLetters(ledger, letters.entries)]
    const is_equal = findings.every(({ result }) => result.violations === 0)
    if (is_equal || performance.now() >= until_ms) return { findings, letter_copies: letters.copies }
    await sleep(LOOK_EVERY_MS)
  }
}
