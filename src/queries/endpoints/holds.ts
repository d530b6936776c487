/**
 * The endpoint `customer.holds`: the open holds of one customer, the first one to expire first, page by page.
 *
 * A cursor says after which hold its page ended. A hold keeps its place for as long as it is open, so all pages together
 * have each hold once that is open all the time; one that ends or is made meanwhile is on a page or is not.
 */

import { E, type Either, pipe, TE, type t } from '../../fp.js'
import { type AccountAt, accountAt, comesBefore, inOrder } from '../../ledger/account-at.js'
import { type AccountId, Asset, accountIdOf, namesOf } from '../../ledger/account-id.js'
import { toJson } from '../../ledger/amount.js'
import { ClientId } from '../../ledger/client-id.js'
import { exactFieldsOf } from '../../ledger/codec.js'
import { TransactionId } from '../../ledger/event.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import type { LookAtAssets } from '../../stream/assets.js'
import type { MomentOf } from '../moment.js'
import type { ReadAccount } from '../read-account.js'
import { sourceLines } from '../source-lines.js'
import { holdJson } from './account-json.js'
import type { RequestLimits } from './balance.js'
import { Cursor, cursorOf } from './cursor.js'
import { decodeRequest, PageLimit, Whole } from './query-body.js'

/** The holds of a page unless the request says otherwise. */
export const HOLDS = 50

const HoldsCursor = cursorOf('holds', exactFieldsOf({ expires_ms: Whole, hold: TransactionId }))

const Request = exactFieldsOf({ client_id: ClientId }, { asset: Asset, limit: PageLimit, cursor: Cursor })
type Request = t.TypeOf<typeof Request>

type Place = { readonly expires_ms: number; readonly hold: string }

/** A page of open holds: those after a place, and the cursor for the next page while more follow. */
export const holdsPage = (
  id: AccountId,
  { holds }: Pick<AccountAt, 'holds'>,
  limit: number,
  after?: Place,
): { readonly holds: readonly object[]; readonly cursor?: string } => {
  const place = after && { id: after.hold, expires_ms: after.expires_ms }
  const open = inOrder(place === undefined ? holds : holds.filter(hold => comesBefore(place, hold)))
  const page = open.slice(0, limit)
  const last = open.length > limit ? page.at(-1) : undefined
  return {
    holds: page.map(holdJson),
    ...(last === undefined
      ? {}
      : { cursor: HoldsCursor.write({ expires_ms: last.expires_ms, hold: last.id }, [id]) }),
  }
}

/** What the endpoints about accounts need. */
export type AccountParts = {
  readonly read: ReadAccount
  readonly momentOf: MomentOf
  readonly assets: LookAtAssets
}

/** The endpoint `holds`. */
export const holdsEndpoint = ({ read, momentOf }: AccountParts, limits: RequestLimits): EndpointConfig => {
  const answer = async (request: Request): Promise<Either<ServiceError, ServiceReply>> => {
    const { client_id, asset, limit = HOLDS, cursor } = request
    const id = accountIdOf(client_id, asset)
    const after = cursor === undefined ? E.right(undefined) : HoldsCursor.read(cursor, [id])
    if (E.isLeft(after)) return after
    const found = await read({ client_id: id })
    if (E.isLeft(found)) return found
    const moment = await momentOf(found.right)
    if (E.isLeft(moment)) return moment
    const account = accountAt(found.right.account, moment.right)
    const page = holdsPage(id, account, limit, after.right)
    return E.right({
      body: JSON.stringify({ ...namesOf(id), held: toJson(account.held), ...page }),
      lines: sourceLines(found.right),
    })
  }

  return {
    name: 'holds',
    subject: 'customer.holds',
    queue_group: 'q',
    description: 'The open holds of one customer, the first one to expire first',
    metadata: { format: 'application/json' },
    ...limits,
    handle: ({ body }) =>
      pipe(
        TE.fromEither(decodeRequest(Request, 'the field client_id')(body)),
        TE.chain(request => () => answer(request)),
      ),
  }
}
