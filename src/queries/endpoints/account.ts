/**
 * The endpoint `customer.account`: everything about one customer's account: what can be spent and what is held, the credit
 * limit, the restriction, and the open holds. `customer.holds` has the holds that do not fit the reply.
 *
 * It takes the fields of `customer.balance`: how new the answer has to be, or the moment of the past.
 */

import { E, type Either, pipe, TE } from '../../fp.js'
import { accountAt } from '../../ledger/account-at.js'
import { accountIdOf, assetOf, customerOf, namesOf, ofAccount } from '../../ledger/account-id.js'
import { ClientId } from '../../ledger/client-id.js'
import { exactFieldsOf } from '../../ledger/codec.js'
import { inParallel } from '../../parallel.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import { sourceLines } from '../source-lines.js'
import { unavailable } from '../unavailable.js'
import { standingJson } from './account-json.js'
import type { RequestLimits } from './balance.js'
import { type BalanceRequest, BEYOND, isOneQuestion, ONE_QUESTION } from './balance-request.js'
import { type AccountParts, HOLDS, holdsPage } from './holds.js'
import { decodeRequest, invalid } from './query-body.js'

const Request = exactFieldsOf({ client_id: ClientId }, BEYOND)
type Request = BalanceRequest

/** Accounts of one customer that are read at a time. */
const READS_IN_FLIGHT = 20

/** The endpoint `account`. */
export const accountEndpoint = (
  { read, momentOf, assets }: AccountParts,
  limits: RequestLimits,
): EndpointConfig => {
  const readNow = async (request: Request) => {
    const found = await read(request)
    if (E.isLeft(found)) return found
    const moment = await momentOf(found.right)
    if (E.isLeft(moment)) return moment
    return E.right({ found: found.right, account: accountAt(found.right.account, moment.right) })
  }

  /** What the customer has in other assets than the one that was asked for. A ledger without assets has nothing to read. */
  const others = async (request: Request): Promise<Either<ServiceError, readonly object[]>> => {
    const declared = await assets()
    if (E.isLeft(declared)) return E.left(unavailable('the declared assets', declared.left))
    const customer = customerOf(request.client_id)
    const names = [...declared.right.keys()].filter(name => name !== undefined)
    const ids = [undefined, ...(names.length === 0 ? [] : names.toSorted())]
      .map(asset => accountIdOf(customer, asset))
      .filter(id => id !== request.client_id)
    const answers = await inParallel(READS_IN_FLIGHT, ids, async id => {
      const answer = await readNow({ ...request, client_id: id })
      if (E.isLeft(answer)) return answer
      const { account, found } = answer.right
      const { version, seq } = found.account
      const asset = assetOf(id)
      const named = asset === undefined ? {} : { asset }
      return E.right(version === 0 ? [] : [{ ...named, ...standingJson(account), version, seq }])
    })
    return pipe(
      E.sequenceArray(answers),
      E.map(found => found.flat()),
    )
  }

  const answer = async (request: Request): Promise<Either<ServiceError, ServiceReply>> => {
    const [asked, more] = await Promise.all([
      readNow(request),
      others({ ...request, min_version: undefined }),
    ])
    if (E.isLeft(asked)) return asked
    if (E.isLeft(more)) return more
    const { found, account } = asked.right
    const { version, seq } = found.account
    const body = {
      ...namesOf(request.client_id),
      ...standingJson(account),
      version,
      seq,
      ...holdsPage(request.client_id, account, HOLDS),
      ...(more.right.length === 0 ? {} : { others: more.right }),
    }
    return E.right({ body: JSON.stringify(body), lines: sourceLines(found) })
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
        TE.chain(request => () => answer(ofAccount(request))),
      ),
  }
}
