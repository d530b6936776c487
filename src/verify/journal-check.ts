/**
 * Compares the rows of the table with the events: every attribute of a row, in stream order, a page of events at a time.
 */

import { E } from '../fp.js'
import { isJsonObject, type JsonObject, readJson } from '../json.js'
import type { RawItem } from '../tables/batch-get.js'
import { heldOf, type Possession } from './account.js'
import type { Run } from './deps.js'
import type { ReadEvent } from './event.js'
import { createFingerprints } from './hash.js'
import { compareItem, type Expected, type Same, wholeIn } from './item.js'
import { rulesTextOf } from './rules-text.js'
import { readAll } from './scan.js'
import { wholeOf } from './values.js'
import type { Step } from './walk.js'

/** The row key of an event without a transaction id, or whose transaction id belongs to an earlier event. */
const seqKey = (seq: number): string => `@${seq}`

/** The versions of a customer that have a row in a table of savepoints (docs/adr/0062). */
const VERSIONS_APART = 64

const isSavepoint = ({ before, after }: Step): boolean =>
  after.version === before.version || after.version % VERSIONS_APART === 0

/** The limits for the nesting of metadata and the size of a text in a row; a row omits larger ones (docs/adr/0027). */
const LEVELS_MAX = 32
const TEXT_BYTES_MAX = 65_536

/** Whether metadata is within the limit. It goes down level by level: metadata may be nested deeper than any stack. */
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

const textIfItFits = (text: string): string | undefined =>
  Buffer.byteLength(text) <= TEXT_BYTES_MAX ? text : undefined

/** The texts of an event that its row holds, and the names of the texts that the row omits. */
const textsOf = (event: Step['event']): Expected => {
  if (event === undefined) return {}
  const { metadata: data, reference: text } = event
  const metadata = data && isFlatEnough(data) ? textIfItFits(JSON.stringify(data)) : undefined
  const reference = text === undefined ? undefined : textIfItFits(text)
  const omitted = [
    ...(data !== undefined && metadata === undefined ? ['metadata'] : []),
    ...(text !== undefined && reference === undefined ? ['reference'] : []),
  ]
  return { reference, metadata, omitted: omitted.length === 0 ? undefined : omitted.join(' ') }
}

/** The fields of the record of a refusal that are amounts, and all others. A row has them all in this order. */
const RECORD_AMOUNTS = ['balance', 'available', 'held', 'remaining']
const RECORD_TEXTS = ['command', 'code', 'client_id', 'state', 'reason']
const RECORD = ['command', 'code', 'client_id', ...RECORD_AMOUNTS, 'state', 'reason']

/** The text of a row for a declined command: the record of the refusal, which makes the answer. */
const answerText = (declined: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(
    Object.fromEntries(
      RECORD.filter(name => declined[name] !== undefined).map(name => [
        name,
        RECORD_AMOUNTS.includes(name) ? String(wholeOf(declined[name])) : declined[name],
      ]),
    ),
  )

const timeText = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString()

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER)

/** The text of a row for what only schema 2 can say, as it stands in the event; undefined when it says nothing more. */
const detailsText = (event: ReadEvent): string | undefined => {
  const { hold, final, expired, state, reason, reverses, reversal_id, limit } = event
  const text = JSON.stringify({
    hold,
    final,
    expired,
    expires_at: timeText(event.expires_ms),
    limit: limit === undefined || limit > SAFE_MAX ? limit?.toString() : Number(limit),
    state,
    reason,
    until: timeText(event.until_ms),
    at: timeText(event.at_ms),
    reverses,
    reversal_id,
  })
  return text === '{}' ? undefined : text
}

/** A row has the text of the customer's terms up to this length, and a dash for a longer one. */
const RULES_CHARS_MAX = 2_048

/** What a row says of the customer's terms after its event. */
const termsInRow = ({ balance, terms }: Pick<Possession, 'balance' | 'terms'>): Expected => {
  if (terms === undefined) return {}
  const [text, held] = [rulesTextOf(terms), heldOf(terms)]
  return {
    account_rules: text.length <= RULES_CHARS_MAX ? text : '-',
    held: held || undefined,
    available: held === terms.limit ? undefined : balance - held + terms.limit,
  }
}

const CALLER = /^(?:token|oidc|nats|operator):[\x21-\x7e]{1,256}$/

/** The caller that an event names, in the one header that says so; undefined where it names none. */
const callerOf = ({ headers }: Step['entry']): string | undefined => {
  const named = headers?.values('Ledger-By') ?? []
  return named.length === 1 && CALLER.test(named[0] ?? '') ? named[0] : undefined
}

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
  details: event && detailsText(event),
  ...termsInRow(after),
  by: callerOf(entry),
})

/** The allowed difference of two times: two clients may round the server's nanoseconds differently. */
const TIME_MS_APART_MAX = 1

const parseObject = (text: string): JsonObject => {
  const read = readJson(text)
  return E.isRight(read) && isJsonObject(read.right) ? read.right : {}
}

/** Whether two texts are the same answer: an amount may have either JSON form (a number or a string). */
const isSameDeclined = (is: string, should_be: string): boolean => {
  const [a, b] = [parseObject(is), parseObject(should_be)]
  return (
    RECORD_TEXTS.every(name => a[name] === b[name]) &&
    RECORD_AMOUNTS.every(name => wholeOf(a[name]) === wholeOf(b[name]))
  )
}

const isSame: Same = (field, is, should_be) => {
  if (field === 'at') return Math.abs(Date.parse(is) - Date.parse(should_be)) <= TIME_MS_APART_MAX
  return field === 'declined' && isSameDeclined(is, should_be)
}

/** The largest number of rows that wait for the walk to reach their events, which came after it began. */
const AHEAD_ROWS_MAX = 1_000_000

/** Compares the rows of a table, which have to be complete up to `seq_max`. */
export class JournalCheck {
  readonly #run: Run
  readonly #table: string
  readonly #seq_max: number
  /** Only some events have rows, which have no key of a transaction id. */
  readonly #has_savepoints: boolean
  /** The row key of each event up to `seq_max`. */
  readonly #keys: ReturnType<typeof createFingerprints>
  /** The sequences of the events after `seq_max` of which rows were found, by the ids of the rows. */
  readonly #ahead = new Map<string, number>()
  #rows = 0

  constructor(run: Run, table: string, seq_max: number, has_savepoints: boolean) {
    this.#run = run
    this.#table = table
    this.#seq_max = seq_max
    this.#has_savepoints = has_savepoints
    this.#keys = createFingerprints(seq_max)
  }

  /** The number of rows that were compared. */
  get rows(): number {
    return this.#rows
  }

  #hasRow(step: Step): boolean {
    return step.outcome === 'applied' && (!this.#has_savepoints || isSavepoint(step))
  }

  #isWanted(step: Step): boolean {
    const { client_id } = this.#run
    return this.#hasRow(step) && (client_id === undefined || client_id === step.id)
  }

  #ownKey({ event, entry }: Step): string {
    return this.#has_savepoints || event?.transaction_id === undefined
      ? seqKey(entry.seq)
      : `#${event.transaction_id}`
  }

  #compare(step: Step, key: string, row: RawItem): void {
    this.#keys.set(step.entry.seq, key)
    this.#rows += 1
    compareItem(
      this.#run.differences,
      { where: 'journal', id: key, seq: step.entry.seq },
      row,
      rowOf(step),
      isSame,
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

  /** Compares an event whose own key has no row, or another event's row: then its row has to be under its sequence. */
  #compareInstead(step: Step, own: RawItem | undefined, instead: RawItem | undefined): void {
    const [key, other] = [this.#ownKey(step), seqKey(step.entry.seq)]
    const holder = Number(own === undefined ? 0n : (wholeIn(own, 'seq') ?? 0n))
    if (own !== undefined && instead !== undefined) this.#compare(step, other, instead)
    else if (own === undefined)
      this.#reportMissing(step, key, instead && `: there is ${other}, although the id is free`)
    else if (holder < step.entry.seq && this.#keys.matches(holder, key)) this.#reportMissing(step, other)
    // no earlier event has that key, so this is the event's own row, and it was changed
    else this.#compare(step, key, own)
  }

  /** Compares the rows of a page of events. */
  async page(steps: readonly Step[]): Promise<void> {
    const wanted = steps.filter(step => this.#isWanted(step))
    const own = await readAll(
      this.#run,
      this.#table,
      wanted.map(step => this.#ownKey(step)),
    )
    const isOwn = (step: Step): boolean =>
      wholeIn(own.get(this.#ownKey(step)) ?? {}, 'seq') === BigInt(step.entry.seq)
    const others = wanted.filter(step => !isOwn(step))
    const instead = await readAll(
      this.#run,
      this.#table,
      others.map(({ entry }) => seqKey(entry.seq)),
    )
    for (const step of wanted) {
      const key = this.#ownKey(step)
      const row = own.get(key)
      if (isOwn(step) && row !== undefined) this.#compare(step, key, row)
      else
        this.#compareInstead(
          step,
          row,
          key === seqKey(step.entry.seq) ? undefined : instead.get(seqKey(step.entry.seq)),
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
    if (seq > this.#seq_max && this.#ahead.size < AHEAD_ROWS_MAX) this.#ahead.set(id, seq)
    else if (!this.#keys.matches(seq, id)) this.#reportStray(id, row)
  }

  /** Takes an event after `seq_max`. One row of it may have been found, under one of the event's two keys. */
  see(step: Step): void {
    const { seq } = step.entry
    if (this.#ahead.size === 0 || !this.#hasRow(step)) return
    const row_id = [this.#ownKey(step), seqKey(seq)].find(id => this.#ahead.get(id) === seq)
    if (row_id !== undefined) this.#ahead.delete(row_id)
  }

  /** The last event after `seq_max` of which a row was found and that the walk has not reached; 0 if there is none. */
  aheadSeq(): number {
    return [...this.#ahead.values()].reduce((max, seq) => Math.max(max, seq), 0)
  }

  /** Reports the rows for which no event was found. */
  end(): void {
    for (const [id, seq] of this.#ahead) this.#reportStray(id, { id: { S: id }, seq: { N: String(seq) } })
  }
}
