/**
 * `customer.event.<client_id>`: publishes one event for a program that is not trusted with the stream itself.
 *
 * The event is published, not decided: the fold judges it as it judges any other (docs/adr/0002). It goes out with
 * headers of this program only, and the answer has the form of JetStream's acknowledgement, so that a client which
 * publishes to a stream works unchanged. A transaction id counts once for ever, as in a command.
 */

import { type BackOff, pause } from '../../back-off.js'
import { E, type Either } from '../../fp.js'
import { eventSubject } from '../../ledger/account-id.js'
import { CALLER_HEADER } from '../../ledger/caller.js'
import { type Command, customersOfCommand } from '../../ledger/command.js'
import { encodeEvent } from '../../ledger/event.js'
import type { Sealer } from '../../sealing/seal-command.js'
import { CATALOGUE, catalogued, type ErrorCode } from '../../service/catalogue.js'
import type { CallbackEndpointConfig, EndpointConfig, ServiceReply } from '../../service/config.js'
import { EVENT_REQUEST_PREFIX } from '../../service/endpoints.js'
import type { ServiceError } from '../../service/error.js'
import type { StreamError } from '../../stream/errors.js'
import { leadershipOf } from '../../stream/leadership.js'
import { publish, type Stored } from '../../stream/publish.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { uuidv7 } from '../../uuid.js'
import type { Admit } from '../admission/admission.js'
import type { CommandDeps } from '../deps.js'
import { type Gate, refusedBy } from '../gate.js'
import { differingField, type StoredTransaction, storedAt } from '../idempotency/stored-transaction.js'
import { type FindTransaction, findInWindow } from '../idempotency/window.js'
import type { Audit, Written } from './audit.js'
import { errorOf } from './command-body.js'
import { decodeEventRequest, type SubmittedEvent } from './event-request.js'

const TRY_MS = 2_000
const TRIES_MAX = 3
const BACK_OFF: BackOff = { first_ms: 20, max_ms: 200 }
const never = new AbortController().signal

type Published = Either<ServiceError, Stored>

const reused = (command: Command, field: string): ServiceError => {
  const { transaction_id } = command
  const message = `${CATALOGUE.TRANSACTION_ID_REUSED.message} (field: ${field})`
  return catalogued('TRANSACTION_ID_REUSED', { transaction_id, field, message })
}

/** The answer if something is stored under the event's id already: the event itself, or another one. */
const asDuplicate = (command: Command, known: StoredTransaction | undefined, seq: number): Published => {
  const field = known === undefined ? 'transaction_id' : differingField(command, known)
  return field === undefined ? E.right({ seq, duplicate: true }) : E.left(reused(command, field))
}

const codeOf = ({ tag }: StreamError): ErrorCode => {
  switch (tag) {
    case 'TryAgain':
      return 'OUTCOME_UNKNOWN'
    case 'StreamFull':
      return 'STREAM_FULL'
    case 'TooLarge':
    case 'Unsendable':
      return 'PAYLOAD_TOO_LARGE'
    default:
      return 'INTERNAL_ERROR'
  }
}

const messageOf = ({ command, has_given_id }: SubmittedEvent) => {
  const { type, amount, transaction_id, reference, metadata, by } = command
  const content = { type, amount, reference, metadata }
  const id = command.client_id
  return {
    subject: eventSubject(id),
    body: encodeEvent(has_given_id ? { ...content, transaction_id } : content, id),
    msg_id: has_given_id ? transaction_id : uuidv7(),
    headers: by === undefined ? undefined : { [CALLER_HEADER]: by },
  }
}

/** After a refusal: where the event is stored, or that it is not stored; undefined when that is not certain. */
const afterRefusal = async (
  deps: CommandDeps,
  refused: StreamError,
  msg_id: string,
  is_leader_alone: boolean,
): Promise<Either<StreamError, Stored> | undefined> => {
  try {
    const known = (await findInWindow(deps, new Set([msg_id]))).get(msg_id)?.stored
    if (known !== undefined) return E.right({ seq: known.seq, duplicate: true })
    return is_leader_alone ? E.left(refused) : undefined
  } catch (err) {
    deps.log.debug({ err }, 'whether an event is stored cannot be told at the moment')
    return undefined
  }
}

/**
 * Publishes until the outcome is known: always under the same message id, so that it is stored once at most. A refusal
 * counts where no other copy went out and nobody but the leader can have refused, or where nothing is found.
 */
const publishOnce = async (
  deps: CommandDeps,
  submitted: SubmittedEvent,
): Promise<Either<StreamError, Stored>> => {
  const message = messageOf(submitted)
  for (let attempt = 1; ; attempt += 1) {
    const sent_ms = performance.now()
    const stored = await publish(deps.nc, message, TRY_MS)()
    if (E.isRight(stored) || stored.left.tag === 'Unsendable') return stored
    const { tag, message: reason, cause } = stored.left
    if (tag !== 'TryAgain') {
      const is_leader_alone = leadershipOf(deps.nc).isAloneSince(sent_ms)
      if (attempt === 1 && is_leader_alone) return stored
      const settled = await afterRefusal(deps, stored.left, message.msg_id, is_leader_alone)
      if (settled !== undefined) return settled
    }
    // an event that one server refused may be stored by another one
    if (attempt === TRIES_MAX) return E.left({ tag: 'TryAgain', message: reason, cause })
    await pause(BACK_OFF, attempt, never)
  }
}

/** What is stored under the id of the event. Left when that is not certain: then nothing may be stored. */
const lookUp = async (
  find: FindTransaction,
  { command, has_given_id }: SubmittedEvent,
): Promise<Either<ServiceError, StoredTransaction | undefined>> => {
  if (!has_given_id) return E.right(undefined)
  const { transaction_id } = command
  try {
    return E.right(await find(transaction_id, customersOfCommand(command)[0]))
  } catch (cause) {
    return E.left(catalogued('UNAVAILABLE', { transaction_id }, cause))
  }
}

const store = async (
  deps: CommandDeps,
  find: FindTransaction,
  submitted: SubmittedEvent,
): Promise<Published> => {
  const { command, has_given_id } = submitted
  const { transaction_id } = command
  const known = await lookUp(find, submitted)
  if (E.isLeft(known)) return known
  if (known.right !== undefined) return asDuplicate(command, known.right, known.right.seq)
  const stored = await publishOnce(deps, submitted)
  if (E.isLeft(stored)) {
    const { cause = new Error(stored.left.message) } = stored.left
    return E.left(catalogued(codeOf(stored.left), has_given_id ? { transaction_id } : {}, cause))
  }
  if (!has_given_id || !stored.right.duplicate) return E.right({ ...stored.right, duplicate: false })
  try {
    return asDuplicate(command, await storedAt(deps, stored.right.seq), stored.right.seq)
  } catch (cause) {
    // something is stored under the id, now or before, and cannot be read
    return E.left(catalogued('OUTCOME_UNKNOWN', { transaction_id }, cause))
  }
}

const acknowledgement = ({ seq, duplicate }: Stored): ServiceReply => ({
  body: `{"stream":"${LEDGER_STREAM}","seq":${seq}${duplicate ? ',"duplicate":true' : ''}}`,
})

/** nats-server's own err_code where it has one that means the same. */
const ERR_CODES: Readonly<Record<string, number>> = {
  INVALID_REQUEST: 10003,
  PAYLOAD_TOO_LARGE: 10054,
  STREAM_FULL: 10077,
  UNAVAILABLE: 10008,
  BUSY: 10023,
}

/** An error as JetStream says it, so that a client that publishes to a stream understands it. */
const jetStreamForm = (error: ServiceError): ServiceError => {
  const { status, code, message = '' } = error
  const jetstream = { code: status, err_code: ERR_CODES[code] ?? 0, description: `${code}: ${message}` }
  return { ...error, body: JSON.stringify({ error: jetstream }) }
}

/** The outcome of an event for the log. */
const writtenOf = (stored: Published): Written =>
  E.isLeft(stored)
    ? { outcome: stored.left.code }
    : { outcome: stored.right.duplicate ? 'replayed' : 'stored', seq: stored.right.seq }

type EventPorts = {
  readonly admit: Admit
  readonly audit: Audit
  readonly gates: readonly Gate[]
  readonly sealer: Sealer
}

/** Seals the texts of an event. Left when a key of its customer can be neither read nor made. */
const sealTextsOf = async (
  sealer: Sealer,
  submitted: SubmittedEvent,
): Promise<Either<ServiceError, SubmittedEvent>> => {
  try {
    return E.right({ ...submitted, command: await sealer.seal(submitted.command) })
  } catch (cause) {
    const { transaction_id } = submitted.command
    return E.left(catalogued('UNAVAILABLE', submitted.has_given_id ? { transaction_id } : {}, cause))
  }
}

/** The endpoint; `find` finds what is stored under a transaction id, and `admit` says whether an event may be taken. */
export const eventEndpoint = (
  deps: CommandDeps,
  find: FindTransaction,
  { admit, audit, gates, sealer }: EventPorts,
  limits: Pick<EndpointConfig, 'max_in_flight' | 'timeout_ms' | 'data'>,
): CallbackEndpointConfig => ({
  name: 'event',
  subject: `${EVENT_REQUEST_PREFIX}*`,
  queue_group: 'q',
  description: 'Stores one event of a customer, as publishing it to the stream would, for the fold to judge',
  metadata: { format: 'application/json' },
  effect: 'write',
  errorForm: jetStreamForm,
  ...limits,
  callback: (request, answer) => {
    const caller = audit.callerOf(request)
    const submitted = decodeEventRequest(request, caller.by)
    if (E.isLeft(submitted)) return answer(submitted)
    const end = (stored: Published): void => {
      const { command, has_given_id } = submitted.right
      audit.note(caller, command, () => ({ ...writtenOf(stored), has_no_id: !has_given_id }))
      answer(E.isLeft(stored) ? stored : E.right(acknowledgement(stored.right)))
    }
    if (!admit(1)) return end(E.left(catalogued('BUSY')))
    const pass = async (): Promise<Published> => {
      const refusal = await refusedBy(gates, submitted.right.command)
      if (refusal !== undefined) return E.left(errorOf(refusal))
      const sealed = await sealTextsOf(sealer, submitted.right)
      return E.isLeft(sealed) ? sealed : store(deps, find, sealed.right)
    }
    pass().then(end, cause => end(E.left(catalogued('INTERNAL_ERROR', {}, cause))))
  },
})
