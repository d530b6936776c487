/**
 * The endpoint `customer.account`: everything about one customer's account: what can be spent and what is held, the credit
 * limit, the restriction, and the open holds. `customer.holds` has the holds that do not fit the reply.
 *
 * It takes the fields of `customer.balance`: how new the answer has to be, or the moment of the past.
 */

import { E, type Either, pipe, TE, type t } from '../../fp.js'
import { accountAt } from '../../ledger/account-at.js'
import { ClientId } from '../../ledger/client-id.js'
import { exactFieldsOf } from '../../ledger/codec.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import { sourceLines } from '../source-lines.js'
import { standingJson } from './account-json.js'
import type { RequestLimits } from './balance.js'
import { BEYOND, isOneQuestion, ONE_QUESTION } from './balance-request.js'
import { type AccountParts, HOLDS, holdsPage } from './holds.js'
import { decodeRequest, invalid } from './query-body.js'

const Request = exactFieldsOf({ client_id: ClientId }, BEYOND)
type Request = t.TypeOf<typeof Request>

/** The endpoint `account`. */
export const accountEndpoint = ({ read, momentOf }: AccountParts, limits: RequestLimits): EndpointConfig => {
  const answer = async (request: Request): Promise<Either<ServiceError, ServiceReply>> => {
    const { client_id } = request
    const found = await read(request)
    if (E.isLeft(found)) return found
    const moment = await momentOf(found.right)
    if (E.isLeft(moment)) return moment
    const { version, seq } = found.right.account
    const account = accountAt(found.right.account, moment.right)
    const body = {
      client_id,
      ...standingJson(account),
      version,
      seq,
      ...holdsPage(client_id, account, HOLDS),
    }
    return E.right({ body: JSON.stringify(body), lines: sourceLines(found.right) })
  }

  return {
    name: 'account',
    subject: 'customer.account',
    queue_group: 'q',
    description:
      'The account of one customer: what is available and held, its limit and state, its open holds',
    metadata: { format: 'application/json' },
    ...limits,
    handle: ({ body }) =>
      pipe(
        decodeRequest(Request, 'the field client_id')(body),
        E.filterOrElse(isOneQuestion, () => invalid(ONE_QUESTION)),
        TE.fromEither,
        TE.chain(request => () => answer(request)),
      ),
  }
}
