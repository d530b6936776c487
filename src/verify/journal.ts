/**
 * The journal's rows against the events: each row whole, in stream order, a page of events at a time.
 */

import { E } from '../fp.js'
import { isJsonObject, type JsonObject, readJson } from '../json.js'
import type { RawItem } from '../tables/raw-items.js'
import type { Run } from './deps.js'
import { wholeOf } from './event.js'
import { createFingerprints } from './hash.js'
import { compareItem, type Expected, type Same, wholeIn } from './item.js'
import { readAll } from './scan.js'
import type { Target } from './target.js'
import type { Step } from './walk.js'

/** The row key of a transaction id; one that looks like a key of the table's own is marked. */
const keyOf = (transaction_id: string): string =>
  /^(?:seq|account|txn):/.test(transaction_id) ? `txn:${transaction_id}` : transaction_id

const bySeq = (seq: number): string => `seq:${seq}`

const ownKey = ({ event, entry }: Step): string =>
  event?.transaction_id === undefined ? bySeq(entry.seq) : keyOf(event.transaction_id)

/** How deep metadata may be nested in a row, and how long a text may be there; docs/adr/0027 says what is left out. */
const LEVELS_MAX = 32
const TEXT_BYTES_MAX = 65_536

/** Goes down level by level: metadata of an event may be nested deeper than any stack. */
const isFlatEnough = (metadata: object): boolean => {
  let level: readonly object[] = [metadata]
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > LEVELS_MAX) return false
    level = level.flatMap(one =>
      Object.values(one).filter(value => typeof value === 'object' && value !== null),
    )
  }
  return true
}

const fitting = (text: string): string | undefined =>
  Buffer.byteLength(text) <= TEXT_BYTES_MAX ? text : undefined

/** What a row holds of an event's texts, and the names of those that it does not hold. */
const textsOf = (event: Step['event']): Expected => {
  if (event === undefined) return {}
  const { metadata: data, reference: text } = event
  const metadata = data && isFlatEnough(data) ? fitting(JSON.stringify(data)) : undefined
  const reference = text === undefined ? undefined : fitting(text)
  const omitted = [
    ...(data !== undefined && metadata === undefined ? ['metadata'] : []),
    ...(text !== undefined && reference === undefined ? ['reference'] : []),
  ]
  return { reference, metadata, omitted: omitted.length === 0 ? undefined : omitted.join(' ') }
}

/** The four fields that make an answer; whatever else a writer put there is in no row. */
const answerText = ({ command, code, client_id, balance }: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ command, code, client_id, balance: String(wholeOf(balance)) })

const rowOf = ({ id, entry, event, before, after }: Step): Expected => ({
  client_id: id,
  seq: entry.seq,
  type: event?.type,
  amount: event?.amount,
  balance: after.balance,
  version: after.version,
  previous_seq: before.seq,
  at: entry.at.toISOString(),
  transaction_id: event?.transaction_id,
  ...textsOf(event),
  counterparty: event?.counterparty,
  declined: event?.declined && answerText(event.declined),
})

/** Two clients may round the server's nanoseconds apart. */
const TIME_MS_APART_MAX = 1

const parsed = (text: string): JsonObject => {
  const read = readJson(text)
  return E.isRight(read) && isJsonObject(read.right) ? read.right : {}
}

/** A declined command's balance may be written in either JSON form of an amount. */
const sameDeclined = (is: string, should_be: string): boolean => {
  const [a, b] = [parsed(is), parsed(should_be)]
  return (
    ['command', 'code', 'client_id'].every(name => a[name] === b[name]) &&
    wholeOf(a.balance) === wholeOf(b.balance)
  )
}

const same: Same = (field, is, should_be) => {
  if (field === 'at') return Math.abs(Date.parse(is) - Date.parse(should_be)) <= TIME_MS_APART_MAX
  return field === 'declined' && sameDeclined(is, should_be)
}

/** Rows of events that came after the walk began, until the walk reaches them. */
const AHEAD_ROWS_MAX = 1_000_000

/** The comparison of one journal, whose rows up to `seq_max` have to be complete. */
export class JournalCheck {
  readonly #run: Run
  readonly #table: string
  readonly #seq_max: number
  readonly #keys: ReturnType<typeof createFingerprints>
  /** Rows of events after `seq_max`, by the sequence of the event. */
  readonly #ahead = new Map<number, string>()
  #rows = 0

  constructor(run: Run, { table }: Target, seq_max: number) {
    this.#run = run
    this.#table = table
    this.#seq_max = seq_max
    this.#keys = createFingerprints(seq_max)
  }

  /** The number of rows that were compared. */
  get rows(): number {
    return this.#rows
  }

  #isAsked({ outcome, id }: Step): boolean {
    const { client_id } = this.#run
    return outcome === 'applied' && (client_id === undefined || client_id === id)
  }

  #compare(step: Step, key: string, row: RawItem): void {
    this.#keys.set(step.entry.seq, key)
    this.#rows += 1
    compareItem(
      this.#run.differences,
      { where: 'journal', id: key, seq: step.entry.seq },
      row,
      rowOf(step),
      same,
    )
  }

  #reportMissing({ id, entry }: Step, key: string, detail = ''): void {
    this.#keys.set(entry.seq, key)
    this.#run.differences.add({
      where: 'journal',
      kind: 'missing',
      id: key,
      seq: entry.seq,
      detail: `of customer ${id}${detail}`,
    })
  }

  /** Its own key has no row, or another event's: then its row is under its sequence. */
  #compareInstead(step: Step, own: RawItem | undefined, instead: RawItem | undefined): void {
    const [key, other] = [ownKey(step), bySeq(step.entry.seq)]
    const holder = Number(own === undefined ? 0n : (wholeIn(own, 'seq') ?? 0n))
    if (own !== undefined && instead !== undefined) this.#compare(step, other, instead)
    else if (own === undefined)
      this.#reportMissing(step, key, instead && `: there is ${other}, although the id is free`)
    else if (holder < step.entry.seq && this.#keys.matches(holder, key)) this.#reportMissing(step, other)
    // no earlier event has that key, so this row was this event's and is not what it was
    else this.#compare(step, key, own)
  }

  /** Compares the rows of a page of events. */
  async page(steps: readonly Step[]): Promise<void> {
    const asked = steps.filter(step => this.#isAsked(step))
    const own = await readAll(this.#run, this.#table, asked.map(ownKey))
    const isOwn = (step: Step): boolean =>
      wholeIn(own.get(ownKey(step)) ?? {}, 'seq') === BigInt(step.entry.seq)
    const others = asked.filter(step => !isOwn(step))
    const instead = await readAll(
      this.#run,
      this.#table,
      others.map(({ entry }) => bySeq(entry.seq)),
    )
    for (const step of asked) {
      const key = ownKey(step)
      const row = own.get(key)
      if (isOwn(step) && row !== undefined) this.#compare(step, key, row)
      else
        this.#compareInstead(
          step,
          row,
          key === bySeq(step.entry.seq) ? undefined : instead.get(bySeq(step.entry.seq)),
        )
    }
  }

  #reportStray(id: string, row: RawItem): void {
    if (this.#run.differences.has('journal', id)) return
    const seq = wholeIn(row, 'seq')
    const detail = `customer ${row.client_id?.S ?? ''}: no event of the stream makes this row`
    this.#run.differences.add({
      where: 'journal',
      kind: 'stray',
      id,
      ...(seq === undefined ? {} : { seq: Number(seq) }),
      detail,
    })
  }

  /** Takes a row that was found in the table. */
  take(row: RawItem): void {
    const id = row.id?.S ?? ''
    const seq = Number(wholeIn(row, 'seq') ?? 0n)
    if (seq > this.#seq_max && this.#ahead.size < AHEAD_ROWS_MAX && !this.#ahead.has(seq))
      this.#ahead.set(seq, id)
    else if (!this.#keys.matches(seq, id)) this.#reportStray(id, row)
  }

  /** Takes an event after the complete part: its row, if it was found, has one of its two keys. */
  see(step: Step): void {
    const { seq } = step.entry
    const id = this.#ahead.get(seq)
    if (id === undefined || step.outcome !== 'applied') return
    if (id === ownKey(step) || id === bySeq(seq)) this.#ahead.delete(seq)
  }

  /** The sequence of the last event of which a row was found. */
  aheadSeq(): number {
    return [...this.#ahead.keys()].reduce((max, seq) => Math.max(max, seq), 0)
  }

  /** Reports the rows for which no event was found. */
  end(): void {
    for (const [seq, id] of this.#ahead) this.#reportStray(id, { id: { S: id }, seq: { N: String(seq) } })
  }
}
