/**
 * The request of `customer.balance`: the predecessor's `{"client_id":"678"}` (or `customer_id` for it), and what may be
 * asked for beyond it.
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
import { ClientId } from '../../ledger/client-id.js'
import { describeErrors, fieldsOf } from '../../ledger/codec.js'
import { catalogued } from '../../service/catalogue.js'
import type { ServiceError } from '../../service/error.js'
import { invalid, noObject, Whole } from './request.js'

const Strong = new t.Type<'strong', string, unknown>(
  'Strong',
  (u): u is 'strong' => u === 'strong',
  (u, context) => (u === 'strong' ? t.success(u) : t.failure(u, context, 'must be "strong", or left out')),
  String,
)

/** What the predecessor did not know. */
const BEYOND = { min_version: Whole, consistency: Strong, as_of: Instant, as_of_seq: Whole }

const Request = fieldsOf({ client_id: ClientId }, BEYOND)

export type BalanceRequest = t.TypeOf<typeof Request>

/** A request, and the names of its fields that had no say in the answer. */
export type DecodedBalanceRequest = { readonly request: BalanceRequest; readonly ignored: readonly string[] }

/** 403 with the parser's own text is the predecessor's answer to a body that is not JSON; its callers know it. */
const refused = ({ tag, message }: JsonProblem): ServiceError =>
  tag === 'NotJson' ? { ...catalogued('BAD_REQUEST'), body: message } : invalid(message)

/** The past has one answer: it goes with no wish for a newer one. */
const isOneQuestion = ({ min_version, consistency, as_of, as_of_seq }: BalanceRequest): boolean => {
  const past = [as_of, as_of_seq].filter(field => field !== undefined).length
  return past === 0 || (past === 1 && min_version === undefined && consistency === undefined)
}

const isBeyond = (name = ''): boolean => Object.hasOwn(BEYOND, name)

/**
 * The predecessor took any other field, and of a field that is there twice the last one. Its callers are answered as
 * ever; only a field that it did not know has to be right.
 */
const fieldsIn = ({ value, faults }: JsonWithFaults): Either<ServiceError, JsonObject> => {
  const counting = faults.filter(({ path }) => isBeyond(path[0]))
  if (counting.length > 0) return E.left(invalid(faultText(counting)))
  return isJsonObject(value) ? E.right(value) : E.left(noObject('the field client_id'))
}

const ownField = (fields: JsonObject, name: string): unknown =>
  Object.hasOwn(fields, name) ? fields[name] : undefined

const decodeFields = (fields: JsonObject): Either<ServiceError, DecodedBalanceRequest> => {
  const named = ownField(fields, 'client_id') ?? undefined
  const counts = (name: string): boolean =>
    isBeyond(name) || name === (named === undefined ? 'customer_id' : 'client_id')
  return pipe(
    Request.decode({ ...fields, client_id: named ?? ownField(fields, 'customer_id') }),
    E.bimap(
      errors => invalid(describeErrors(errors)),
      request => ({ request, ignored: Object.keys(fields).filter(name => !counts(name)) }),
    ),
  )
}

/** What is asked for; left is 403 `BAD_REQUEST` or 400 `INVALID_REQUEST` naming the field. */
export const decodeBalanceRequest = (body: Uint8Array): Either<ServiceError, DecodedBalanceRequest> =>
  pipe(
    readJsonWithFaults(body),
    E.mapLeft(refused),
    E.chain(fieldsIn),
    E.chain(decodeFields),
    E.filterOrElse(
      ({ request }) => isOneQuestion(request),
      () => invalid('as_of, as_of_seq: only one of them, and neither with min_version or consistency'),
    ),
  )

const OPENING = Buffer.from('{"client_id":"')
const QUOTE = 0x22
const CLOSING = 0x7d
const ID_CHARS_MAX = 64

/** By character code: 2 for what may begin a client id, 1 for what may follow, 0 for anything else. */
const ID_CHARS = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code)
  if (/[A-Za-z0-9]/.test(char)) return 2
  return /[_:@-]/.test(char) ? 1 : 0
})

/**
 * The client id of a request that is exactly `{"client_id":"<id>"}`, as nearly all of them are; undefined for any other,
 * valid or not. It agrees with the codec above (a property test says so) at a twentieth of its time.
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
