/**
 * The endpoints of the command side: `customer.credit`, `customer.debit`, `customer.transfer` and `customer.batch`,
 * `customer.transaction`, which tells what became of one, and `customer.event.<client_id>`, which stores an event.
 */

import { E, type Either, pipe, TE } from '../../fp.js'
import { describeErrors, exactFieldsOf } from '../../ledger/codec.js'
import type { AskedCommand } from '../../ledger/command.js'
import { LongestTransactionId } from '../../ledger/event-body.js'
import { quoted } from '../../ledger/fast/quoted.js'
import { RULE_COMMAND_TYPES } from '../../ledger/rule-command.js'
import { NO_SEALER, type Sealer } from '../../sealing/seal-command.js'
import { catalogued } from '../../service/catalogue.js'
import type {
  AnyEndpointConfig,
  CallbackEndpointConfig,
  EndpointConfig,
  ServiceReply,
} from '../../service/config.js'
import type { ServiceError } from '../../service/error.js'
import { type Admission, WITHOUT_BOUND } from '../admission/admission.js'
import type { CommandDeps } from '../deps.js'
import type { Gate } from '../gate.js'
import type { CommandTaker } from '../group-commit/ports.js'
import { createHistoryFinder } from '../idempotency/history.js'
import type { JournalLookup } from '../idempotency/journal-lookup.js'
import { failed, type Outcome } from '../outcome.js'
import { type Audit, NO_AUDIT, writtenOf } from './audit.js'
import { batchEndpoint } from './batch.js'
import {
  asDryRun,
  commandFrom,
  detailsOutside,
  errorOf,
  headerProblem,
  invalid,
  json,
  parseBody,
  replyJson,
  withoutDryRun,
} from './command-body.js'
import { eventEndpoint } from './event.js'
import { type Fate, whatBecameOf } from './transaction.js'

export type CommandLimits = { readonly max_in_flight: number; readonly timeout_ms: number }

const toEither = (outcome: Outcome, is_dry_run = false): Either<ServiceError, ServiceReply> =>
  outcome.tag === 'done'
    ? E.right({ body: replyJson(outcome.reply, outcome.replayed, is_dry_run) })
    : E.left(errorOf(is_dry_run ? asDryRun(outcome) : outcome))

const COMMAND_TYPES = ['credit', 'debit', 'transfer', ...RULE_COMMAND_TYPES, 'reverse'] as const

const DESCRIPTIONS: Readonly<Record<AskedCommand['type'], string>> = {
  credit: "Adds an amount to a customer's balance",
  debit: "Takes an amount from a customer's balance, if it covers it",
  transfer: "Moves an amount from one customer's balance to another's, whole or not at all",
  hold: 'Sets an amount of a customer aside, until it is captured or released, or expires',
  capture: 'Takes the money of a hold, or a part of it; it may go to another customer',
  release: 'Gives a hold, or a part of it, back to its customer',
  limit: 'Sets how far below 0 the balance of a customer may fall',
  restrict: 'Restricts what a customer may do: no_debit, no_credit, frozen or closed; or active again',
  reverse: 'Takes a transaction back, or an amount of it; all reversals together never exceed it',
}

const endpoint = (
  type: AskedCommand['type'],
  taker: CommandTaker,
  audit: Audit,
  limits: CommandLimits & Pick<EndpointConfig, 'data'>,
): CallbackEndpointConfig => ({
  name: type,
  subject: `customer.${type}`,
  queue_group: 'q',
  description: DESCRIPTIONS[type],
  metadata: { format: 'application/json' },
  effect: 'write',
  ...limits,
  callback: (request, answer) => {
    const problem = headerProblem(request)
    if (problem !== undefined) return answer(E.left(problem))
    const fields = parseBody(request.body)
    if (E.isLeft(fields)) return answer(fields)
    const asked = withoutDryRun(fields.right)
    if (E.isLeft(asked)) return answer(asked)
    const caller = audit.callerOf(request)
    const decoded = commandFrom(type, asked.right.fields, caller.by)
    if (E.isLeft(decoded)) return answer(E.left(invalid(decoded.left)))
    if (asked.right.is_dry_run) {
      void taker
        .dryRunEach([decoded.right])
        .then(([outcome = failed('INTERNAL_ERROR')]) => answer(toEither(outcome, true)))
      return
    }
    taker.take(decoded.right, outcome => {
      audit.note(caller, decoded.right.command, () => writtenOf(outcome))
      answer(toEither(outcome))
    })
  },
})

const Question = exactFieldsOf({ transaction_id: LongestTransactionId })

const toAnswer = (fate: Fate): ServiceReply => {
  if (fate.status === 'declined') {
    const error = { code: fate.error.code, ...detailsOutside(fate.error.details) }
    return { body: json({ status: fate.status, error, by: fate.by }) }
  }
  if (fate.status === 'unknown') return { body: json(fate) }
  const by = fate.by === undefined ? '' : `,"by":${quoted(fate.by)}`
  return { body: `{"status":"committed","reply":${replyJson(fate.reply, false)}${by}}` }
}

const transactionEndpoint = (
  deps: CommandDeps,
  limits: CommandLimits,
  journal: JournalLookup | undefined,
): EndpointConfig => ({
  name: 'transaction',
  subject: 'customer.transaction',
  queue_group: 'q',
  description: 'What became of a transaction: committed, declined, or unknown to the stream',
  metadata: { format: 'application/json' },
  ...limits,
  handle: ({ body }) =>
    pipe(
      TE.fromEither(parseBody(body)),
      TE.chainEitherK(fields =>
        pipe(
          Question.decode(fields),
          E.mapLeft(errors => invalid(describeErrors(errors))),
        ),
      ),
      TE.chain(({ transaction_id }) =>
        TE.tryCatch(
          () => whatBecameOf(deps, transaction_id, journal),
          cause => catalogued('UNAVAILABLE', { transaction_id }, cause),
        ),
      ),
      TE.map(toAnswer),
    ),
})

/** What a server takes in one message unless it says otherwise. */
const PAYLOAD_BYTES = 1_048_576

/**
 * Every endpoint of the command side, over a router, or one coordinator; `journal` spares `customer.transaction` most of the
 * stream, and `admit` slows events as the coordinator slows commands. STATS of the endpoints that write say by how much.
 * `audit` knows the callers; without it nobody is known. `gates` stand before the events, and `sealer` seals their texts; those of the commands are the taker's.
 */
export const commandEndpoints = (
  taker: CommandTaker,
  deps: CommandDeps,
  limits: CommandLimits,
  journal?: JournalLookup,
  {
    admit,
    data,
    audit = NO_AUDIT,
    gates = [],
    sealer = NO_SEALER,
  }: Pick<Admission, 'admit' | 'data'> & {
    readonly audit?: Audit
    readonly gates?: readonly Gate[]
    readonly sealer?: Sealer
  } = WITHOUT_BOUND,
): AnyEndpointConfig[] => {
  const writing = { ...limits, data }
  return [
    ...COMMAND_TYPES.map(type => endpoint(type, taker, audit, writing)),
    batchEndpoint(taker, audit, () => deps.nc.info?.max_payload ?? PAYLOAD_BYTES, writing),
    transactionEndpoint(deps, limits, journal),
    eventEndpoint(deps, journal?.find ?? createHistoryFinder(deps), { admit, audit, gates, sealer }, writing),
  ]
}
