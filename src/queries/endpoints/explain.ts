/**
 * The endpoint `customer.explain`: why a transaction had the effect that it had. For each of its events it gives the account
 * just before it, the rule that decided, what counted, and the account after it, by the law run again on the stream.
 *
 * A refused command is explained by what it wanted, on the account that refused it, and a dead letter like an event.
 */

import { E, type Either, pipe, TE, type t } from '../../fp.js'
import { exactFieldsOf } from '../../ledger/codec.js'
import { LongestTransactionId } from '../../ledger/event-body.js'
import type { EndpointConfig, ServiceReply } from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import type { Recorded } from '../../stream/recorded.js'
import { type ExplainRecord, isFirstLeg, isSecondLeg } from '../past/explain-record.js'
import type { FindEvent } from '../past/find-event.js'
import type { RequestLimits } from './balance.js'
import { explainedJson } from './explained-json.js'
import { decodeRequest, invalid, wholeFrom } from './query-body.js'

const Request = exactFieldsOf(
  {},
  { transaction_id: LongestTransactionId, seq: wholeFrom(1, Number.MAX_SAFE_INTEGER) },
)
type Request = t.TypeOf<typeof Request>

const ONE_EVENT = 'transaction_id, seq: one of them is needed, and only one'

export type ExplainParts = { readonly find: FindEvent; readonly explain: ExplainRecord }

type Read<A> = Promise<Either<ServiceError, A>>

const createAnswer = ({ find, explain }: ExplainParts) => {
  /** The events that a request asks for: the one at a sequence, or all of a transaction; none when the ledger has none. */
  const recordsOf = async ({ transaction_id = '', seq }: Request): Read<readonly Recorded[]> => {
    const found = seq === undefined ? await find.byId(transaction_id) : await find.at(seq)
    if (E.isLeft(found)) return found
    const first = found.right
    if (first === undefined) return E.right([])
    if (seq !== undefined || !isFirstLeg(first)) return E.right([first])
    return pipe(
      await find.at(first.seq + 1),
      E.map(next => (next !== undefined && isSecondLeg(next, first) ? [first, next] : [first])),
    )
  }

  return async (request: Request): Read<ServiceReply> => {
    const { transaction_id, seq } = request
    const records = await recordsOf(request)
    if (E.isLeft(records)) return records
    const events: object[] = []
    for (const record of records.right) {
      const explained = await explain(record)
      if (E.isLeft(explained)) return explained
      events.push(explainedJson(explained.right))
    }
    // JSON leaves out the field that was not given
    const reply = { transaction_id, seq, status: events.length === 0 ? 'unknown' : 'explained', events }
    return E.right({ body: JSON.stringify(reply) })
  }
}

/** The endpoint `explain`. */
export const explainEndpoint = (parts: ExplainParts, limits: RequestLimits): EndpointConfig => {
  const answer = createAnswer(parts)
  return {
    name: 'explain',
    subject: 'customer.explain',
    queue_group: 'q',
    description: 'Why a transaction had the effect that it had: the accounts before and after, and the rule',
    metadata: { format: 'application/json' },
    ...limits,
    handle: ({ body }) =>
      pipe(
        decodeRequest(Request, 'the field transaction_id or seq')(body),
        E.filterOrElse(
          ({ transaction_id, seq }) => (transaction_id === undefined) !== (seq === undefined),
          () => invalid(ONE_EVENT),
        ),
        TE.fromEither,
        TE.chain(request => () => answer(request)),
      ),
  }
}
