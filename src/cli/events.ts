/**
 * `jetledger events`: shows the events of the ledger as they are stored, and goes on with the next ones.
 *
 * It reads by direct gets, which need the right to read the stream and make nothing on the server (docs/adr/0042). How far the
 * stream goes is proved at each look, so no event is left out. An event is named by its sequence, at which a reader goes on.
 */

import type { Command } from 'commander'
import { rest } from '../back-off.js'
import { E } from '../fp.js'
import { type AccountId, accountOn, eventSubject, namesOf } from '../ledger/account-id.js'
import { toJson } from '../ledger/amount.js'
import { decodeBody, decodeEvent, detailsOf } from '../ledger/event.js'
import { Failure, orFail } from '../process/failure.js'
import { outputClosed, print } from '../process/output.js'
import { stopRequested } from '../process/signals.js'
import { sealedIn } from '../sealing/form.js'
import { leadershipOf } from '../stream/leadership.js'
import { readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { type Connected, withNats } from './command.js'
import { accountId, count } from './options.js'

type Options = {
  readonly clientId?: AccountId
  readonly fromSeq?: number
  readonly last: number
  readonly follow?: true
  readonly json?: true
}

const LAST = 10
const LAST_MAX = 10_000
/** The time between two looks for new events; each look asks every server that has the stream. */
const LOOK_EVERY_MS = 500

/** An event as it was stored. What became of it is not said: that is for the fold (`jetledger export events`). */
const shownOf = ({ seq, at, subject, body }: Recorded) => {
  const customer = accountOn(subject)
  const decoded = E.isRight(customer) ? decodeEvent(body, customer.right) : decodeBody(body)
  const base = {
    seq,
    at: at.toISOString(),
    subject,
    ...(E.isRight(customer) ? namesOf(customer.right) : {}),
  }
  if (decoded.tag !== 'event') return { ...base, body: Buffer.from(body).toString('utf8') }
  const { type, amount, transaction_id, reference, metadata } = decoded.event
  return {
    ...base,
    type,
    ...(amount === undefined ? {} : { amount: toJson(amount) }),
    ...(transaction_id === undefined ? {} : { transaction_id }),
    ...(reference === undefined ? {} : { reference }),
    ...(sealedIn(metadata) === undefined ? {} : { has_sealed_texts: true }),
    ...detailsOf(decoded.event),
  }
}

/** Which hold an event is about, for the line of a release or a capture. */
const holdIn = (shown: object): readonly string[] =>
  'hold' in shown ? [`of hold ${String(shown.hold)}`] : []

const lineOf = (event: Recorded): string => {
  const { seq, at, subject, client_id: _c, asset: _a, ...more } = { asset: '', ...shownOf(event) }
  const cells =
    'body' in more
      ? [more.body]
      : [
          more.type,
          String(more.amount ?? ''),
          more.transaction_id ?? '',
          more.reference ?? '',
          ...('has_sealed_texts' in more ? ['(sealed)'] : []),
          ...holdIn(more),
        ]
  const account = accountOn(subject)
  return [String(seq), at, E.isRight(account) ? account.right : subject, ...cells].join('  ').trimEnd()
}

const show = (event: Recorded, json: boolean): void =>
  print(json ? JSON.stringify(shownOf(event)) : lineOf(event))

type Reading = {
  readonly connected: Connected
  readonly subject: string
  readonly signal: AbortSignal
}

const provedEnd = async ({ connected: { nc } }: Reading): Promise<number> =>
  (await orFail(leadershipOf(nc).prove())).last_seq

/** The events after `after` up to `to_seq`. The last one that was read makes a stream that was set back an error. */
async function* eventsAfter(
  { connected: { nc }, subject, signal }: Reading,
  from_seq: number,
  to_seq: number,
  after: Recorded | undefined,
): AsyncGenerator<Recorded> {
  const range = { stream: LEDGER_STREAM, subject, from_seq, to_seq, after }
  for await (const event of readRange(nc, range)) {
    if (signal.aborted) return
    yield event
  }
}

/** The newest events: of all customers they are the last sequences, of one customer they have to be looked for. */
const newest = async (reading: Reading, last: number, end_seq: number): Promise<readonly Recorded[]> => {
  const from_seq = reading.subject === LEDGER_SUBJECTS ? Math.max(1, end_seq - last + 1) : 1
  const kept: Recorded[] = []
  for await (const event of eventsAfter(reading, from_seq, end_seq, undefined)) {
    kept.push(event)
    if (kept.length > last) kept.shift()
  }
  return kept
}

const follow = async (
  reading: Reading,
  first_seq: number,
  show_one: (event: Recorded) => void,
): Promise<void> => {
  let next_seq = first_seq
  let after: Recorded | undefined
  while (!reading.signal.aborted) {
    const end_seq = await provedEnd(reading)
    for await (const event of eventsAfter(reading, next_seq, end_seq, after)) {
      show_one(event)
      after = event
      next_seq = event.seq + 1
    }
    if (reading.signal.aborted) return
    next_seq = Math.max(next_seq, end_seq + 1)
    await rest(LOOK_EVERY_MS, reading.signal)
  }
}

const events = ({ clientId: id, fromSeq, last, follow: is_followed, json }: Options): Promise<void> => {
  if (last > LAST_MAX) throw new Failure(`--last must be ${LAST_MAX} at the most`, { exit_code: 2 })
  return withNats(async connected => {
    const signal = AbortSignal.any([stopRequested().signal, outputClosed])
    const reading = { connected, subject: id === undefined ? LEDGER_SUBJECTS : eventSubject(id), signal }
    const show_one = (event: Recorded): void => show(event, json === true)
    const end_seq = await provedEnd(reading)
    if (fromSeq === undefined) for (const event of await newest(reading, last, end_seq)) show_one(event)
    else for await (const event of eventsAfter(reading, fromSeq, end_seq, undefined)) show_one(event)
    if (is_followed) await follow(reading, Math.max(end_seq + 1, fromSeq ?? 1), show_one)
  })
}

const HELP = `
Events are shown as they are stored, also those that the fold refuses; "jetledger export events" says what became of each.
The sequence is the first cell of a line (with --json the field seq, one object a line): --from-seq goes on after it. The user
needs the right to read the stream, as the users verify and operator have it (docs/security.md).`

export const eventsCommand = (program: Command): void => {
  program
    .command('events')
    .description('show the newest events as they are stored, and with --follow those that come')
    .option('--client-id <id>', 'only those of one customer (678, or 678/EUR)', accountId)
    .option('--from-seq <n>', 'from this stream sequence on, instead of the newest ones', count)
    .option('--last <n>', 'how many of the newest', count, LAST)
    .option('--follow', 'go on until Ctrl-C, or until the reader of the pipe has gone')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', HELP)
    .action(events)
}
