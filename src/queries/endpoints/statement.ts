/**
 * The endpoint `customer.statement`: a customer's events with the running balance, newest first, page by page.
 *
 * A cursor says where its page ended. So all pages together are the customer's events up to the newest one of the first
 * page, each once, whatever is written meanwhile.
 *
 * With `asset_facts`, the page says what is declared of the account's asset, for whoever shows the amounts to people.
 *
 * With `proof`, each entry carries the event and the proof that a signed head vouches for it, for whoever does not trust the
 * ledger: docs/tamper-evidence.md.
 */

import { E, type Either, pipe, TE, t } from '../../fp.js'
import { formatInstant, Instant } from '../../instant.js'
import { isJsonObject } from '../../json.js'
import { type AccountId, Asset, assetOf, namesJson, ofAccount, otherSide } from '../../ledger/account-id.js'
import { toJson } from '../../ledger/amount.js'
import { ClientId } from '../../ledger/client-id.js'
import { exactFieldsOf, fieldsOf } from '../../ledger/codec.js'
import type { OpenedTexts, OpenTexts } from '../../sealing/open-texts.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import type { AssetFacts, LookAtAssets } from '../../stream/assets.js'
import { firstSeqFrom } from '../../stream/by-time.js'
import { leadershipOf } from '../../stream/leadership.js'
import { LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { LinkedRow } from '../../tables/journal-row.js'
import { omittedOf } from '../../tables/row-texts.js'
import type { QueryDeps } from '../deps.js'
import type { PageRange, ReadPage } from '../past/journal-page.js'
import { unreadable } from '../past/past.js'
import { unavailable } from '../unavailable.js'
import type { RequestLimits } from './balance.js'
import { Cursor, cursorOf, type Filters } from './cursor.js'
import { decodeRequest, PageLimit, Whole } from './query-body.js'

const ENTRIES = 50
/** The most entries of a page with proofs: each takes a few kilobytes, and some twenty reads. */
const PROVED_ENTRIES_MAX = 10
/** A reply has to fit a NATS message (1 MB unless configured otherwise); entries with much metadata make short pages. */
const REPLY_BYTES_MAX = 512 * 1024

/** The range of sequences that is left: from the customer's event at `to_seq` down to `from_seq`. */
const StatementCursor = cursorOf('statement', exactFieldsOf({ from_seq: Whole, to_seq: Whole }))

const Request = exactFieldsOf(
  { client_id: ClientId },
  {
    asset: Asset,
    limit: PageLimit,
    cursor: Cursor,
    from: Instant,
    to: Instant,
    proof: t.literal(true),
    asset_facts: t.literal(true),
  },
)
/** A request; `client_id` is the account. */
type Request = Omit<t.TypeOf<typeof Request>, 'client_id' | 'asset'> & { readonly client_id: AccountId }

const instantText = (ns: bigint | undefined): string | undefined =>
  ns === undefined ? undefined : formatInstant(ns)

/** The filters that all pages of one statement share; equal times are spelled alike. */
const filtersOf = ({ client_id, from, to }: Request): Filters => [
  client_id,
  instantText(from),
  instantText(to),
]

/** The most entries of one page. */
const entriesMax = ({ limit = ENTRIES, proof }: Request): number =>
  proof === undefined ? limit : Math.min(limit, PROVED_ENTRIES_MAX)

const Declined = fieldsOf({ code: t.string }, { command: t.string })

/** A row with its texts as an answer shows them. */
type OpenedRow = LinkedRow & Pick<OpenedTexts, 'erased'>

const openRow = async (open: OpenTexts, row: LinkedRow): Promise<OpenedRow> => {
  const { reference, metadata, ...others } = row
  return isJsonObject(metadata) ? { ...others, ...(await open({ reference, metadata })) } : row
}

const entryOf = ({ client_id, type, amount, balance, version, seq, at, declined, ...rest }: OpenedRow) => {
  const { transaction_id, reference, metadata, counterparty, omitted, by, details, held, available } = rest
  const { code, command } = Declined.is(declined) ? declined : {}
  const entry = {
    type,
    amount: amount === undefined ? undefined : toJson(amount),
    balance: toJson(balance),
    version,
    seq,
    at,
    held: held === undefined ? undefined : toJson(held),
    available: available === undefined ? undefined : toJson(available),
    // JSON leaves out undefined fields
    transaction_id,
    reference,
    metadata,
    erased: rest.erased,
    counterparty: counterparty === undefined ? undefined : otherSide(client_id, counterparty),
    code,
    command,
    omitted: omitted === undefined ? undefined : omittedOf(omitted),
    by,
  }
  // the entry's own fields come first, and count: its `at` is the time at which the event was stored
  return isJsonObject(details) ? { ...entry, ...details, ...entry } : entry
}

/** What an entry says of its proof. */
const provedOf = (proof: Either<string, object> | undefined): object =>
  proof === undefined ? {} : E.isRight(proof) ? { proof: proof.right } : { unproved: proof.left }

/** What a page says beside its rows, where the request asks for it. */
type Beside = {
  readonly facts?: AssetFacts | undefined
  /** A proof for each row, or why there is none. */
  readonly proofs?: readonly Either<string, object>[]
}

const toReply = (
  request: Request,
  { from_seq }: PageRange,
  rows: readonly OpenedRow[],
  { facts, proofs = [] }: Beside,
): ServiceReply => {
  const { client_id } = request
  const entries: string[] = []
  let bytes = 0
  for (const [i, row] of rows.slice(0, entriesMax(request)).entries()) {
    const entry = JSON.stringify({ ...entryOf(row), ...provedOf(proofs[i]) })
    bytes += Buffer.byteLength(entry)
    if (entries.length > 0 && bytes > REPLY_BYTES_MAX) break
    entries.push(entry)
  }
  const last = rows[entries.length - 1]
  const cursor =
    last === undefined || entries.length === rows.length
      ? undefined
      : StatementCursor.write({ from_seq, to_seq: last.previous_seq }, filtersOf(request))
  const more = cursor === undefined ? '' : `,"cursor":${JSON.stringify(cursor)}`
  const said = facts === undefined ? '' : `,"asset_facts":${JSON.stringify(facts)}`
  return { body: `{${namesJson(client_id)}${said},"entries":[${entries.join(',')}]${more}}` }
}

/** The endpoint `statement`. */
export const statementEndpoint = (
  deps: Pick<QueryDeps, 'nc' | 'jsm' | 'prove' | 'open'> & { readonly assets: LookAtAssets },
  readPage: ReadPage,
  limits: RequestLimits,
): EndpointConfig => {
  /** The range of sequences between two times, the later one excluded. */
  const between = async ({ from, to }: Request): Promise<Either<unknown, Omit<PageRange, 'rows_max'>>> => {
    if (from === undefined && to === undefined)
      return E.right({ from_seq: 0, to_seq: Number.MAX_SAFE_INTEGER })
    const proved = await leadershipOf(deps.nc).prove()()
    if (E.isLeft(proved)) return proved
    const seqFrom = (ns: bigint) => firstSeqFrom(deps, LEDGER_SUBJECTS, ns, proved.right.last_seq)()
    const first = from === undefined ? E.right(0) : await seqFrom(from)
    const end = to === undefined ? E.right(Number.MAX_SAFE_INTEGER) : await seqFrom(to)
    if (E.isLeft(first)) return first
    return E.isLeft(end) ? end : E.right({ from_seq: first.right, to_seq: end.right - 1 })
  }

  const rangeOf = async (request: Request): Promise<Either<ServiceError, PageRange>> => {
    const { cursor } = request
    // one row more than requested tells whether there is another page
    const rows_max = entriesMax(request) + 1
    if (cursor === undefined) {
      const range = await between(request)
      return E.isLeft(range) ? unreadable(range.left) : E.right({ ...range.right, rows_max })
    }
    return pipe(
      StatementCursor.read(cursor, filtersOf(request)),
      E.map(({ from_seq, to_seq }) => ({ from_seq, to_seq, rows_max, newest_seq: to_seq })),
    )
  }

  /** What is declared of the account's asset, if the request asks for it. */
  const factsFor = async ({
    client_id,
    asset_facts,
  }: Request): Promise<Either<ServiceError, AssetFacts | undefined>> => {
    if (asset_facts === undefined) return E.right(undefined)
    const declared = await deps.assets()
    return E.isLeft(declared)
      ? E.left(unavailable('the declared assets', declared.left))
      : E.right(declared.right.get(assetOf(client_id)))
  }

  const read = async (request: Request): Promise<Either<ServiceError, ServiceReply>> => {
    const found = await factsFor(request)
    if (E.isLeft(found)) return found
    const facts = found.right
    const range = await rangeOf(request)
    if (E.isLeft(range)) return range
    if (range.right.from_seq > range.right.to_seq)
      return E.right(toReply(request, range.right, [], { facts }))
    const page = await readPage(request.client_id, range.right)
    if (E.isLeft(page)) return page
    const rows = await Promise.all(page.right.map(row => openRow(deps.open, row)))
    if (request.proof === undefined) return E.right(toReply(request, range.right, rows, { facts }))
    const proofs = await deps.prove(page.right.slice(0, entriesMax(request)).map(({ seq }) => seq))()
    return E.isLeft(proofs)
      ? E.left(unavailable('the signed heads', proofs.left))
      : E.right(toReply(request, range.right, rows, { facts, proofs: proofs.right }))
  }

  return {
    name: 'statement',
    subject: 'customer.statement',
    queue_group: 'q',
    description: "A customer's events with the running balance, newest first",
    metadata: { format: 'application/json' },
    ...limits,
    handle: ({ body }) =>
      pipe(
        TE.fromEither(decodeRequest(Request, 'the field client_id')(body)),
        TE.chain(request => () => read(ofAccount(request))),
      ),
  }
}
