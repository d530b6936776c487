/**
 * The endpoints of the command side: `customer.credit`, `customer.debit`, `customer.transfer`.
 */

import { E, type Either, pipe, TE } from '../fp.js'
import { toJson } from '../ledger/amount.js'
import { type Command, decodeCommand } from '../ledger/command.js'
import { catalogued } from '../service/catalogue.js'
import type { EndpointConfig, ServiceReply } from '../service/config.js'
import type { ServiceError } from '../service/error.js'
import type { Engine } from './engine.js'
import type { Done, Outcome } from './outcome.js'
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

/** One endpoint per kind of command, all over the same engine. */
export const commandEndpoints = (engine: Engine, limits: CommandLimits): EndpointConfig[] =>
  (['credit', 'debit', 'transfer'] as const).map(type => endpoint(type, engine, limits))
