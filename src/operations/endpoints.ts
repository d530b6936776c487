/**
 * The endpoints of the role `operations`: what an operator does with the command line, for a caller of the service.
 *
 * They need more rights in NATS than any other role, so they are a role of their own: a process without it serves none of
 * them, and the gateway needs nothing but the right to ask (docs/adr/0051).
 */

import type { ActionError } from '../dead-letters/action.js'
import { type Actor, discardDeadLetter } from '../dead-letters/actions.js'
import { listDeadLetters } from '../dead-letters/letters.js'
import { E, type Either, Failed, pipe, type TaskEither, TE, t, unwrap } from '../fp.js'
import { isJsonObject, readStrictJson } from '../json.js'
import { Asset, accountIdOf } from '../ledger/account-id.js'
import type { ClientId } from '../ledger/client-id.js'
import { describeErrors, exactFieldsOf } from '../ledger/codec.js'
import { SKIP_REASON_CHARS_MAX } from '../ledger/skip.js'
import { PAGE_ENTRIES_MAX } from '../page.js'
import { ReplayError } from '../projections/rebuild/replay-error.js'
import { catalogued } from '../service/catalogue.js'
import type { EndpointConfig, ServiceReply, ServiceRequest } from '../service/config.js'
import { ENDPOINTS } from '../service/endpoints.js'
import type { ServiceError } from '../service/error.js'
import type { ProjectionName } from '../tables/definition.js'
import type { OperationsDeps } from './deps.js'
import { retryAndWait } from './letters.js'
import { listWaiting } from './parked.js'
import type { Replays } from './replays.js'
import { readOperationsStatus } from './status.js'

/** Each of these asks several servers, and people ask: so few are at work at once. */
const IN_FLIGHT_MAX = 16
const TIMEOUT_MS = 9_000
const LETTERS = 50

const text = (chars_max: number) =>
  new t.Type<string, string, unknown>(
    'text',
    t.string.is,
    (u, context) =>
      typeof u === 'string' && u.length >= 1 && u.length <= chars_max
        ? t.success(u)
        : t.failure(u, context, `must be a text of 1 to ${chars_max} characters`),
    String,
  )

const whole = (min: number, max: number) =>
  new t.Type<number, number, unknown>(
    'whole number',
    t.number.is,
    (u, context) =>
      typeof u === 'number' && Number.isSafeInteger(u) && u >= min && u <= max
        ? t.success(u)
        : t.failure(u, context, `must be a whole number from ${min} to ${max}`),
    Number,
  )

const Seq = whole(1, Number.MAX_SAFE_INTEGER)
const Reason = text(SKIP_REASON_CHARS_MAX)
const Name = t.keyof({ ledger: null } satisfies Record<ProjectionName, null>)

const Nothing = exactFieldsOf({}, {})
const Letters = exactFieldsOf(
  {},
  { limit: whole(1, PAGE_ENTRIES_MAX), settled: t.boolean, client_id: text(64), asset: Asset },
)
const Retry = exactFieldsOf({ seq: Seq }, { reason: Reason, body: text(65_536) })
const Discard = exactFieldsOf({ seq: Seq, reason: Reason })
const Rebuild = exactFieldsOf({ projection: Name })

const decode =
  <A>(codec: t.Decoder<unknown, A>) =>
  (body: Uint8Array): Either<ServiceError, A> =>
    pipe(
      readStrictJson(body),
      E.mapLeft(({ message }) => message),
      E.filterOrElse(isJsonObject, () => 'the body must be a JSON object'),
      E.chain(given => pipe(codec.decode(given), E.mapLeft(describeErrors))),
      E.mapLeft(message => catalogued('INVALID_REQUEST', { message })),
    )

/** The error of an action, for its caller; a bug has no message of its own there. */
const errorOf = (error: ActionError): ServiceError => {
  const { message } = error
  if (error.tag === 'Refused') return catalogued('REFUSED', { message })
  if (error.tag === 'Unexpected') return catalogued('INTERNAL_ERROR', {}, error)
  return catalogued('UNAVAILABLE', { message }, error)
}

const failure = (thrown: unknown): ServiceError => {
  if (thrown instanceof ReplayError) return catalogued('REFUSED', { message: thrown.message })
  if (thrown instanceof Failed) return errorOf(thrown.error as ActionError)
  return catalogued('INTERNAL_ERROR', {}, thrown)
}

const reply = (value: unknown): ServiceReply => ({ body: JSON.stringify(value) })

type Handled = (given: ServiceRequest) => TaskEither<ServiceError, ServiceReply>

/** A handler that decodes the body, does `work`, and replies with its result as JSON. */
const handling =
  <A>(codec: t.Decoder<unknown, A>, work: (given: A, request: ServiceRequest) => Promise<unknown>): Handled =>
  request =>
    pipe(
      TE.fromEither(decode(codec)(request.body)),
      TE.chain(given => TE.tryCatch(async () => reply(await work(given, request)), failure)),
    )

/** Who decides, as the decision keeps it. The log line is the audit of what leaves no event. */
const createActor =
  ({ callerOf, log }: OperationsDeps) =>
  (request: ServiceRequest, operation: string, about: object): Actor => {
    const { by, request_id } = callerOf(request)
    log.info({ operation, by, request_id, ...about }, 'an operation')
    return { by: by ?? 'an unknown caller of the gateway', caller: by }
  }

const handlersOf = (deps: OperationsDeps, replays: Replays): Readonly<Record<string, Handled>> => {
  const actorOf = createActor(deps)
  return {
    status: handling(Nothing, () => readOperationsStatus(deps, replays)),
    letters: handling(Letters, async ({ limit = LETTERS, settled = false, client_id, asset }) => {
      const of_one = client_id === undefined ? {} : { client_id: accountIdOf(client_id as ClientId, asset) }
      return { letters: unwrap(await listDeadLetters(deps.nc, { limit, settled, ...of_one })()) }
    }),
    parked: handling(Nothing, async () => ({ parked: await listWaiting(deps) })),
    retry: handling(Retry, ({ seq, body, reason }, request) =>
      retryAndWait(deps, seq, body, { ...actorOf(request, 'retry', { seq }), reason }),
    ),
    discard: handling(Discard, async ({ seq, reason }, request) => {
      const actor = actorOf(request, 'discard', { seq })
      unwrap(await discardDeadLetter(deps.nc, seq, { ...actor, reason })())
      return { seq, state: 'discarded', by: actor.by, reason }
    }),
    replay: handling(Rebuild, async ({ projection }, request) =>
      replays.begin(projection, actorOf(request, 'replay', { projection }).caller),
    ),
    cancel: handling(Rebuild, async ({ projection }, request) => {
      actorOf(request, 'cancel', { projection })
      return { projection, dropped: await replays.cancel(projection) }
    }),
  }
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  status: 'The state of the stream, the projections, dead letters and instances',
  letters: 'Events that had no effect, and why',
  parked: 'Customers that wait at an event which no program knows',
  retry: 'Publishes the event of a dead letter anew',
  discard: 'Marks a dead letter as dealt with',
  replay: 'Begins to rebuild a projection from the first event',
  cancel: 'Ends a rebuild and drops what it has built',
}

/** The endpoints of the role. */
export const operationsEndpoints = (deps: OperationsDeps, replays: Replays): readonly EndpointConfig[] => {
  const handlers = handlersOf(deps, replays)
  return ENDPOINTS.filter(({ role }) => role === 'operations').map(({ name, subject, effect }) => {
    const operation = subject.slice(subject.lastIndexOf('.') + 1)
    const handle = handlers[operation]
    if (handle === undefined) throw new Error(`no operation serves ${subject}`)
    return {
      name,
      subject,
      queue_group: 'q',
      description: DESCRIPTIONS[operation] ?? operation,
      metadata: { format: 'application/json' },
      max_in_flight: IN_FLIGHT_MAX,
      timeout_ms: TIMEOUT_MS,
      effect,
      handle,
    }
  })
}
