/**
 * Makes the OpenAPI 3.1 document from the same tables that the routes are made of.
 */

import { CATALOGUE, type ErrorCode } from '../service/catalogue.js'
import { PDF_TYPE } from './accept.js'
import { LEDGER_HEADERS } from './ask.js'
import { CALLER_ANSWER, CALLER_PATH } from './caller.js'
import { STREAM_TYPE } from './event-stream.js'
import { schemaNames, withReferences } from './named-schemas.js'
import { NATS_PATH, NATS_TIMEOUT_MS } from './nats-subjects.js'
import { PROBLEM_SCHEMA } from './problem.js'
import { EVERYWHERE, TIMEOUT_MS } from './rest.js'
import { COMMON_CODES, type Route } from './route.js'
import { ROUTES, SUBJECTS } from './routes.js'
import { object, oneOf, type Properties, type Schema, TRANSACTION_ID } from './schema.js'
import type { Scope } from './tokens.js'
import { PDF_ENTRIES_MAX } from './whole-statement.js'

type Json = Readonly<Record<string, unknown>>

const HEADERS: Readonly<Record<string, string>> = {
  Location: 'where the transaction can be read',
  'Idempotency-Replayed': 'true: the answer to a repetition, nothing was done again',
  'Ledger-Version': "the customer's version",
  'Ledger-Seq': 'the stream sequence of the last event that counts in',
  'Ledger-Source': 'what the answer was read from',
  'Ledger-Available': 'what can be spent: balance - held + limit; there only where it is not the balance',
  'Ledger-Held': 'the sum of the open holds; there only where there are some',
  'Ledger-Age-Ms':
    'how old the answer is at the most; there only while nobody proves how far the ledger is, and above 2000, at most 10000',
  Link: 'with CSV: the next page of rows, `rel="next"`; there only when `limit` or `cursor` was given and more rows follow',
  'Retry-After': 'seconds after which to send it again',
}

const headers = (...names: readonly string[]): Json =>
  Object.fromEntries(names.map(name => [name, { description: HEADERS[name], schema: { type: 'string' } }]))

const parameters = (where: 'path' | 'query', properties: Properties = {}): Json[] =>
  Object.entries(properties).map(([name, schema]) => ({
    name,
    in: where,
    required: where === 'path',
    description: schema.description,
    schema,
    ...(name === 'pretty' ? { allowEmptyValue: true } : {}),
  }))

const KEY: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: `the transaction id; one is made where there is none. ${TRANSACTION_ID.description}`,
  schema: TRANSACTION_ID,
}

const json = (schema: unknown): Json => ({ 'application/json': { schema } })

/** One response per HTTP status, naming the codes behind it. */
const problems = (codes: readonly ErrorCode[]): Json => {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const { http_status } = CATALOGUE[code]
    byStatus.set(http_status, [...(byStatus.get(http_status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      String(status),
      {
        description: found.map(code => `\`${code}\`: ${CATALOGUE[code].message}`).join('\n\n'),
        ...(found.some(code => CATALOGUE[code].retry) ? { headers: headers('Retry-After') } : {}),
        content: { 'application/problem+json': { schema: PROBLEM_SCHEMA } },
      },
    ]),
  )
}

/** The answer as CSV, for the routes that have one. */
const csvOf = ({ csv }: Route): Json =>
  csv === undefined
    ? {}
    : {
        'text/csv': {
          schema: {
            type: 'string',
            description: `a line of headings (${csv.columns.map(({ name }) => name).join(', ')}), then a line for each row; all rows unless \`limit\` or \`cursor\` is given`,
          },
        },
      }

/** The answer as a PDF, for the route that has one. */
const pdfOf = ({ pdf }: Route): Json =>
  pdf === undefined
    ? {}
    : {
        [PDF_TYPE]: {
          schema: {
            type: 'string',
            description: `the whole statement of the period, oldest entry first, with opening and closing balance; at most ${PDF_ENTRIES_MAX} entries; without \`limit\`, \`cursor\` and \`proof\``,
          },
        },
      }

const successHeaders = ({ operation, success, csv }: Route): Json => {
  if (csv !== undefined) return headers('Link')
  if (operation === 'balance') return headers(...LEDGER_HEADERS)
  if (operation === 'account' || operation === 'holds')
    return headers('Ledger-Version', 'Ledger-Seq', 'Ledger-Source', 'Ledger-Age-Ms')
  return success === 201 ? headers('Location', 'Idempotency-Replayed') : {}
}

const LAST_EVENT_ID: Json = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description:
    'of server-sent events: the sequence of the last event that the client has; the next ones follow',
  schema: { type: 'string', pattern: '^[0-9]{1,15}$' },
}

/** Whether the route sends a command, which has a transaction id. */
const isCommand = ({ effect, scope }: Route): boolean => effect === 'write' && scope === undefined

const operationOf = (route: Route): Json => ({
  operationId: route.operation,
  summary: route.summary,
  description: `Subject \`${route.subject}\`; scope \`${route.scope ?? route.effect}\`; waits ${TIMEOUT_MS[route.effect]} ms unless \`timeout\` says otherwise.`,
  tags: [route.scope ?? route.effect],
  parameters: [
    ...parameters('path', route.params),
    ...(isCommand(route) ? [KEY] : []),
    ...(route.may_stream === true ? [LAST_EVENT_ID] : []),
    ...parameters('query', { ...route.query, ...EVERYWHERE }),
  ],
  ...(route.body === undefined ? {} : { requestBody: { required: true, content: json(route.body) } }),
  responses: {
    [route.success]: {
      description: 'done',
      headers: successHeaders(route),
      content: {
        ...json(route.answer ?? route.reply),
        ...csvOf(route),
        ...pdfOf(route),
        ...(route.may_stream === true ? { [STREAM_TYPE]: { schema: { type: 'string' } } } : {}),
      },
    },
    ...(isCommand(route) && route.success !== 200
      ? { 200: { description: 'a dry run: what would happen', content: json(route.answer ?? route.reply) } }
      : {}),
    ...problems([...COMMON_CODES, ...route.codes]),
  },
})

const NATS_MESSAGE = object({
  subject: { type: 'string' },
  reply: { type: 'string' },
  data: { type: 'string', description: 'the payload in base64' },
  headers: { type: 'object' },
  header: { type: 'object' },
})

const NATS_OPERATION: Json = {
  operationId: 'natsRequest',
  summary: "A NATS request, as Synadia's HTTP gateway offers it, for the ledger's own subjects",
  description: `A service error is an answer like any other: \`Nats-Service-Error\` among the message's headers tells it. A header \`NatsH-<Name>\` is not sent on but refused. Waits ${NATS_TIMEOUT_MS} ms unless \`timeout\` says otherwise. An error of the gateway itself is told by \`x-nats-api-gateway-error\` too.`,
  tags: ['nats'],
  parameters: [
    ...parameters('path', { subject: oneOf(...SUBJECTS.keys()) }),
    ...parameters('query', EVERYWHERE),
  ],
  requestBody: { required: true, content: { 'application/json': {}, 'application/octet-stream': {} } },
  responses: {
    200: {
      description: 'the first reply: its payload, or with `Accept: application/json` the whole message',
      content: {
        ...json(NATS_MESSAGE),
        'text/plain': { schema: { type: 'string' } },
        'application/octet-stream': {},
      },
    },
    ...problems([...COMMON_CODES, 'NOT_FOUND', 'PAYLOAD_TOO_LARGE', 'TIMEOUT', 'OUTCOME_UNKNOWN']),
  },
}

const CALLER_OPERATION: Json = {
  operationId: 'caller',
  summary: 'Who the gateway takes the caller for, and what the token allows',
  tags: ['read'],
  parameters: parameters('query', { pretty: EVERYWHERE.pretty ?? {} }),
  responses: {
    200: { description: 'done', content: json(CALLER_ANSWER) },
    ...problems(['UNAUTHORIZED', 'FORBIDDEN', 'RATE_LIMITED']),
  },
}

const operational = (operationId: string, summary: string, responses: Json): Json => ({
  get: {
    operationId,
    summary,
    tags: ['operations'],
    security: [],
    responses: { ...responses, ...problems(['HEADERS_TOO_LARGE']) },
  },
})

const state = (description: string, schema: Schema): Json => ({ description, content: json(schema) })

const HEALTH = object({ state: oneOf('ok', 'degraded', 'down'), parts: { type: 'object' } })
const READY = object({ ready: { type: 'boolean' }, checks: { type: 'object' } })

const text = (description: string): Json => ({
  200: { description, content: { 'text/plain': { schema: { type: 'string' } } } },
})

const OPERATIONS: Json = {
  '/ping': operational('ping', 'Whether the process answers', text('ok')),
  '/healthz': operational('health', 'Whether the process lives, part by part', {
    200: state('every part does its work', HEALTH),
    503: state('a part is down', HEALTH),
  }),
  '/readyz': operational('readiness', 'Whether the process may get requests, and what is missing', {
    200: state('it may', READY),
    503: state('it may not', READY),
  }),
  '/metrics': operational('metrics', 'The metrics of the process, for Prometheus', text('text format 0.0.4')),
}

const restPaths = (): Record<string, Json> => {
  const paths: Record<string, Json> = {}
  for (const route of ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return paths
}

/** The groups of operations: those of the table by their effect, and the rest. */
const TAGS: Readonly<Record<Scope | 'nats' | 'operations', string>> = {
  read: 'Questions about customers, transactions and the whole ledger',
  write: 'Commands; each has one effect, however often it is sent with the same key',
  operate: 'What an operator looks at and decides; the role operations of some process answers',
  nats: 'The subjects of the service, as NATS itself has them',
  operations: 'The state of the process that answers; they need no token',
}

/** The document for a version of the program; `is_secured` when callers need a token. */
export const openApi = (version: string, is_secured: boolean): Json => {
  const { document, schemas } = withReferences(
    {
      ...restPaths(),
      [NATS_PATH]: { post: NATS_OPERATION },
      [CALLER_PATH]: { get: CALLER_OPERATION },
      ...OPERATIONS,
    },
    schemaNames(ROUTES),
  )
  return {
    openapi: '3.1.0',
    info: {
      title: 'Jetledger',
      version,
      description:
        'A ledger of customer balances. Amounts are whole numbers of the minor unit: a JSON number up to 2^53-1, a decimal string beyond.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    // `{}` says that a token may be left out: a gateway without tokens looks at none
    security: [...(is_secured ? [] : [{}]), { bearer: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: document,
    components: {
      schemas,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'a token of the tokens file, or one of the configured OpenID Connect issuer',
        },
      },
    },
    'x-errors': Object.fromEntries(
      Object.entries(CATALOGUE).map(([code, { http_status, message, retry }]) => [
        code,
        { status: http_status, message, retry },
      ]),
    ),
  }
}
