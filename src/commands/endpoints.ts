/**
 * The endpoints of the command side: `customer.credit`, `customer.debit`, `customer.transfer`, and
 * `customer.transaction`, which tells what became of one.
 */

import { E, type Either, pipe, TE, t } from '../fp.js'
import { toJson } from '../ledger/amount.js'
import { describeErrors } from '../ledger/codec.js'
import { type Command, decodeCommand } from '../ledger/command.js'
import { TransactionId } from '../ledger/event.js'
import { catalogued } from '../service/catalogue.js'
import type { EndpointConfig, ServiceReply } from '../service/config.js'
import type { ServiceError } from '../service/error.js'
import type { CommandDeps } from './deps.js'
import type { Engine } from './engine.js'
import type { Done, Outcome } from './outcome.js'
import { type Fate, whatBecameOf } from './transaction.js'
import { uuidv7 } from './uuid.js'

export type CommandLimits = { readonly max_in_flight: number; readonly timeout_ms: number }

type Fields = Readonly<Record<string, unknown>>

const utf8 = new TextDecoder('utf-8', { fatal: true })

const isObject = (u: unknown): u is Fields => typeof u === 'object' && u !== null && !Array.isArray(u)

const invalid = (text: string): ServiceError => catalogued('INVALID_REQUEST', { message: text })

const parse = (body: Uint8Array): Either<ServiceError, Fields> =>
  pipe(
    E.tryCatch(
      () => JSON.parse(utf8.decode(body)) as unknown,
      cause => invalid(`the body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`),
    ),
    E.filterOrElse(isObject, () => invalid('the body must be a JSON object')),
  )

const bigintsToJson = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? toJson(value) : value

const toReply = ({ reply, replayed }: Done): ServiceReply => ({
  body: JSON.stringify(replayed ? { ...reply, replayed } : reply, bigintsToJson),
})

const toEither = (outcome: Outcome): Either<ServiceError, ServiceReply> =>
  outcome.tag === 'done'
    ? E.right(toReply(outcome))
    : E.left(catalogued(outcome.code, outcome.details, outcome.cause))

const DESCRIPTIONS: Readonly<Record<Command['type'], string>> = {
  credit: "Adds an amount to a customer's balance",
  debit: "Takes an amount from a customer's balance, if it covers it",
  transfer: "Moves an amount from one customer's balance to another's, whole or not at all",
}

const endpoint = (type: Command['type'], engine: Engine, limits: CommandLimits): EndpointConfig => ({
  name: type,
  subject: `customer.${type}`,
  queue_group: 'q',
  description: DESCRIPTIONS[type],
  metadata: { format: 'application/json' },
  ...limits,
  handle: ({ body }) =>
    pipe(
      TE.fromEither(parse(body)),
      TE.chainEitherK(fields =>
        pipe(
          decodeCommand(type, fields, uuidv7()),
          E.bimap(invalid, command => ({ command, given: 'transaction_id' in fields })),
        ),
      ),
      TE.chain(({ command, given }) => TE.fromTask(() => engine.submit(command, given))),
      TE.chainEitherK(toEither),
    ),
})

const Question = t.type({ transaction_id: TransactionId })

const toAnswer = (fate: Fate): ServiceReply => ({
  body: JSON.stringify(
    fate.status === 'declined'
      ? { status: fate.status, error: { code: fate.error.code, ...fate.error.details } }
      : fate,
    bigintsToJson,
  ),
})

const transactionEndpoint = (deps: CommandDeps, limits: CommandLimits): EndpointConfig => ({
  name: 'transaction',
  subject: 'customer.transaction',
  queue_group: 'q',
  description: 'What became of a transaction: committed, declined, or unknown to the stream',
  metadata: { format: 'application/json' },
  ...limits,
  handle: ({ body }) =>
    pipe(
      TE.fromEither(parse(body)),
      TE.chainEitherK(fields =>
        pipe(
          Question.decode(fields),
          E.mapLeft(errors => invalid(describeErrors(errors))),
        ),
      ),
      TE.chain(({ transaction_id }) =>
        TE.tryCatch(
          () => whatBecameOf(deps, transaction_id),
          cause => catalogued('UNAVAILABLE', { transaction_id }, cause),
        ),
      ),
      TE.map(toAnswer),
    ),
})

/** Every endpoint of the command side, over one engine. */
export const commandEndpoints = (
  engine: Engine,
  deps: CommandDeps,
  limits: CommandLimits,
): EndpointConfig[] => [
  ...(['credit', 'debit', 'transfer'] as const).map(type => endpoint(type, engine, limits)),
  transactionEndpoint(deps, limits),
]
