/**
 * The request of `customer.balance`: the predecessor's `{"client_id":"678"}` (or `customer_id` in its place), and the
 * optional fields that are new.
 */

import { E, type Either, pipe, t } from '../../fp.js'
import { Instant } from '../../instant.js'
import {
  faultText,
  isJsonObject,
  type JsonObject,
  type JsonProblem,
  type JsonWithFaults,
  readJsonWithFaults,
} from '../../json.js'
import { type AccountId, Asset, ofAccount } from '../../ledger/account-id.js'
import { ClientId } from '../../ledger/client-id.js'
import { describeErrors, fieldsOf } from '../../ledger/codec.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import { invalid, noObject, Whole } from './query-body.js'

const Strong = new t.Type<'strong', string, unknown>(
  'Strong',
  (u): u is 'strong' => u === 'strong',
  (u, context) => (u === 'strong' ? t.success(u) : t.failure(u, context, 'must be "strong", or left out')),
  String,
)

/** The fields that the predecessor did not know: the asset, how new the answer has to be, or the moment of the past. */
export const BEYOND = {
  asset: Asset,
  min_version: Whole,
  consistency: Strong,
  as_of: Instant,
  as_of_seq: Whole,
}

const Request = fieldsOf({ client_id: ClientId }, BEYOND)

/** A request; `client_id` is the account. */
export type BalanceRequest = Omit<t.TypeOf<typeof Request>, 'client_id' | 'asset'> & {
  readonly client_id: AccountId
}

/** A request, and the names of its fields that are ignored. */
export type DecodedBalanceRequest = { readonly request: BalanceRequest; readonly ignored: readonly string[] }

/** 403 with the parser's own text is the predecessor's answer to a body that is not JSON; its callers know it. */
const refusalOf = ({ tag, message }: JsonProblem): ServiceError =>
  tag === 'NotJson' ? { ...catalogued('BAD_REQUEST'), body: message } : invalid(message)

/** Whether a request asks one question: a state of the past has one answer, so it excludes the wish for a newer one. */
export const isOneQuestion = ({
  min_version,
  consistency,
  as_of,
  as_of_seq,
}: Omit<BalanceRequest, 'client_id'>): boolean => {
  const past = [as_of, as_of_seq].filter(field => field !== undefined).length
  return past === 0 || (past === 1 && min_version === undefined && consistency === undefined)
}

/** The text for a request that asks more than one question. */
export const ONE_QUESTION = 'as_of, as_of_seq: only one of them, and neither with min_version or consistency'

const isBeyond = (name = ''): boolean => Object.hasOwn(BEYOND, name)

/**
 * The predecessor accepted any other field, and the last value of a field that was there twice. Its callers are answered
 * as before; only a field that the predecessor did not know must be right.
 */
const fieldsIn = ({ value, faults }: JsonWithFaults): Either<ServiceError, JsonObject> => {
  const relevant = faults.filter(({ path }) => isBeyond(path[0]))
  if (relevant.length > 0) return E.left(invalid(faultText(relevant)))
  return isJsonObject(value) ? E.right(value) : E.left(noObject('the field client_id'))
}

const ownField = (fields: JsonObject, name: string): unknown =>
  Object.hasOwn(fields, name) ? fields[name] : undefined

const decodeFields = (fields: JsonObject): Either<ServiceError, DecodedBalanceRequest> => {
  const named = ownField(fields, 'client_id') ?? undefined
  const isUsed = (name: string): boolean =>
    isBeyond(name) || name === (named === undefined ? 'customer_id' : 'client_id')
  return pipe(
    Request.decode({ ...fields, client_id: named ?? ownField(fields, 'customer_id') }),
    E.bimap(
      errors => invalid(describeErrors(errors)),
      request => ({
        request: ofAccount(request),
        ignored: Object.keys(fields).filter(name => !isUsed(name)),
      }),
    ),
  )
}

/** Decodes a request's body; left is 403 `BAD_REQUEST`, or 400 `INVALID_REQUEST` that names the field. */
export const decodeBalanceRequest = (body: Uint8Array): Either<ServiceError, DecodedBalanceRequest> =>
  pipe(
    readJsonWithFaults(body),
    E.mapLeft(refusalOf),
    E.chain(fieldsIn),
    E.chain(decodeFields),
    E.filterOrElse(
      ({ request }) => isOneQuestion(request),
      () => invalid(ONE_QUESTION),
    ),
  )

const OPENING = Buffer.from('{"client_id":"')
const QUOTE = 0x22
const CLOSING = 0x7d
const ID_CHARS_MAX = 64

/** By character code: 2 for a character that may begin a client id, 1 for one that may only follow, 0 for others. */
const ID_CHARS = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code)
  if (/[A-Za-z0-9]/.test(char)) return 2
  return /[_:@-]/.test(char) ? 1 : 0
})

/**
 * The client id of a request that is exactly `{"client_id":"<id>"}`, as nearly all requests are; undefined for any
 * other, valid or not. It agrees with the codec above (a property test checks that) and takes a twentieth of its time.
 */
export const usualClientId = (body: Uint8Array): ClientId | undefined => {
  const [from, to] = [OPENING.length, body.length - 2]
  if (to <= from || to - from > ID_CHARS_MAX || body[to] !== QUOTE || body[to + 1] !== CLOSING)
    return undefined
  for (let i = 0; i < from; i += 1) if (body[i] !== OPENING[i]) return undefined
  if (ID_CHARS[body[from] ?? 0] !== 2) return undefined
  for (let i = from + 1; i < to; i += 1) if (ID_CHARS[body[i] ?? 0] === 0) return undefined
  return Buffer.prototype.latin1Slice.call(body, from, to) as ClientId
}
