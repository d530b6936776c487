/**
 * The endpoint `customer.events`: the events of the ledger as they are stored, oldest first, page by page.
 *
 * A reader asks again with `after_seq` = `through_seq` of the answer before, and so gets every event once, in the order of
 * the stream. It needs no consumer (docs/adr/0042): a page is a range of direct gets up to a proved end of the stream.
 */

import { E, type Either, pipe, TE, t } from '../../fp.js'
import { isJsonObject } from '../../json.js'
import {
  type AccountId,
  Asset,
  accountIdOf,
  accountOn,
  eventSubject,
  namesOf,
  otherSide,
} from '../../ledger/account-id.js'
import { toJson } from '../../ledger/amount.js'
import { callerIn } from '../../ledger/caller.js'
import { ClientId } from '../../ledger/client-id.js'
import { exactFieldsOf, fieldsOf } from '../../ledger/codec.js'
import { claimedAfter, decodeBody, decodeEvent, type LedgerEvent } from '../../ledger/event.js'
import type { OpenTexts } from '../../sealing/open-texts.js'
import { catalogued } from '../../service/catalogue.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import { tryStream } from '../../stream/errors.js'
import { leadershipOf } from '../../stream/leadership.js'
import { readPages } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { QueryDeps } from '../deps.js'
import { unavailable } from '../unavailable.js'
import type { RequestLimits } from './balance.js'
import { decodeRequest, PageLimit, Whole } from './query-body.js'

const EVENTS = 100
/** A reply has to fit a NATS message (1 MB unless configured otherwise); events with much metadata make short pages. */
const REPLY_BYTES_MAX = 512 * 1024
/** The largest event that is shown whole: one that was published raw may be as large as a message. */
const EVENT_BYTES_MAX = 64 * 1024
const REASON_CHARS_MAX = 300

const Request = exactFieldsOf({}, { after_seq: Whole, limit: PageLimit, client_id: ClientId, asset: Asset })
type Request = t.TypeOf<typeof Request>

const Declined = fieldsOf({ code: t.string })

const counterpartyOf = ({ transfer }: LedgerEvent, id: AccountId | undefined): string | undefined =>
  transfer === undefined || id === undefined ? transfer?.counterparty : otherSide(id, transfer.counterparty)

const fieldsOfEvent = (event: LedgerEvent, id: AccountId | undefined) => {
  const { type, amount, transaction_id, reference, metadata } = event
  const declined = event.type === 'declined' ? event.declined : undefined
  const after = claimedAfter(event)
  return {
    type,
    amount,
    balance: after?.balance,
    version: after?.version,
    transaction_id,
    reference,
    metadata,
    counterparty: counterpartyOf(event, id),
    code: Declined.is(declined) ? declined.code : undefined,
  }
}

/** What an event says, whatever was published: `unreadable` and `unknown` have no effect, or none yet. */
const contentOf = (body: Uint8Array, id: AccountId | undefined): Readonly<Record<string, unknown>> => {
  const decoded = id === undefined ? decodeBody(body) : decodeEvent(body, id)
  switch (decoded.tag) {
    case 'event':
      return fieldsOfEvent(decoded.event, id)
    case 'skip':
      return { type: 'skip' }
    case 'future':
      return { type: 'unknown', schema: decoded.schema }
    case 'malformed':
      return { type: 'unreadable', reason: decoded.reason.slice(0, REASON_CHARS_MAX) }
  }
}

const write = (fields: object): string =>
  JSON.stringify(fields, (_, value) => (typeof value === 'bigint' ? toJson(value) : value))

/** What an event says, with its texts as an answer shows them. */
const openedContentOf = async (
  open: OpenTexts,
  body: Uint8Array,
  id: AccountId | undefined,
): Promise<Readonly<Record<string, unknown>>> => {
  const content = contentOf(body, id)
  const { reference, metadata } = content
  if (!isJsonObject(metadata)) return content
  const texts = { reference: typeof reference === 'string' ? reference : undefined, metadata }
  return { ...content, reference: undefined, metadata: undefined, ...(await open(texts)) }
}

/** An event as JSON. JSON leaves out undefined fields. */
const entryOf = async (open: OpenTexts, { seq, subject, body, headers, at }: Recorded): Promise<string> => {
  const on = accountOn(subject)
  const id = E.isRight(on) ? on.right : undefined
  const place = { seq, at: at.toISOString(), ...(id === undefined ? {} : namesOf(id)) }
  const content = await openedContentOf(open, body, id)
  const whole = write({ ...place, ...content, by: callerIn(headers) })
  if (Buffer.byteLength(whole) <= EVENT_BYTES_MAX) return whole
  const { metadata: _, reference: __, ...rest } = content
  return write({ ...place, ...rest, by: callerIn(headers), omitted: ['metadata', 'reference'] })
}

type Page = { readonly entries: readonly string[]; readonly through_seq: number }

const toReply = ({ entries, through_seq }: Page): ServiceReply => ({
  body: `{"events":[${entries.join(',')}],"through_seq":${through_seq}}`,
})

/** Reads the events after `after_seq` up to `last_seq`, as far as they fit one page. Throws as `readPages` does. */
const readEvents = async (
  { nc, open }: Pick<QueryDeps, 'nc' | 'open'>,
  { client_id, asset, limit = EVENTS }: Request,
  after_seq: number,
  last_seq: number,
): Promise<Page> => {
  const is_whole = client_id === undefined
  const subject = is_whole ? LEDGER_SUBJECTS : eventSubject(accountIdOf(client_id, asset))
  // of the whole stream no more is read than a page holds
  const to_seq = is_whole ? Math.min(last_seq, after_seq + limit) : last_seq
  const entries: string[] = []
  let bytes = 0
  let through_seq = after_seq
  for await (const page of readPages(nc, {
    stream: LEDGER_STREAM,
    subject,
    from_seq: after_seq + 1,
    to_seq,
  })) {
    // one more than fits, so that a full page is told from the end
    const some = page.slice(0, limit + 1 - entries.length)
    const written = await Promise.all(some.map(recorded => entryOf(open, recorded)))
    for (const [i, entry] of written.entries()) {
      bytes += Buffer.byteLength(entry)
      if (entries.length >= limit || (entries.length > 0 && bytes > REPLY_BYTES_MAX))
        return { entries, through_seq }
      entries.push(entry)
      through_seq = some[i]?.seq ?? through_seq
    }
  }
  return { entries, through_seq: to_seq }
}

/** The endpoint `events`. */
export const eventsEndpoint = (
  deps: Pick<QueryDeps, 'nc' | 'open'>,
  limits: RequestLimits,
): EndpointConfig => {
  const read = async (request: Request): Promise<Either<ServiceError, ServiceReply>> => {
    const proved = await leadershipOf(deps.nc).prove()()
    if (E.isLeft(proved)) return E.left(unavailable('the stream', proved.left))
    const { last_seq } = proved.right
    const { after_seq = last_seq } = request
    if (after_seq > last_seq) {
      const message = `the stream ends at sequence ${last_seq}, before ${after_seq}`
      return E.left(catalogued('NOT_REACHED', { message, last_seq }))
    }
    if (after_seq === last_seq) return E.right(toReply({ entries: [], through_seq: last_seq }))
    const page = await tryStream('read events', () => readEvents(deps, request, after_seq, last_seq))()
    return E.isLeft(page) ? E.left(unavailable('the stream', page.left)) : E.right(toReply(page.right))
  }

  return {
    name: 'events',
    subject: 'customer.events',
    queue_group: 'q',
    description: 'The events of the ledger as they are stored, oldest first',
    metadata: { format: 'application/json' },
    ...limits,
    handle: ({ body }) =>
      pipe(
        TE.fromEither(decodeRequest(Request, 'after_seq, limit or client_id')(body)),
        TE.chain(request => () => read(request)),
      ),
  }
}
