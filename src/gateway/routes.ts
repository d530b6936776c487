/**
 * The REST routes, as a table: each is one subject of the service with a path, the schemas of what goes in and out,
 * and the errors that it can answer with. The code that serves, checks and documents the routes reads this table.
 */

import { E } from '../fp.js'
import { isJsonObject } from '../json.js'
import { toJson } from '../ledger/amount.js'
import type { ErrorCode } from '../service/catalogue.js'
import type { Effect } from '../service/error.js'
import { ACCOUNT_COMMANDS, ACCOUNT_ROUTES, REVERSE_COMMAND } from './account-routes.js'
import {
  ACCOUNT_REPLY,
  BALANCE_ANSWER,
  BARE_BALANCE,
  BATCH_REPLY,
  EVENTS_REPLY,
  EXPLAIN_REPLY,
  HOLDS_REPLY,
  LIST_REPLY,
  MOVEMENT_REPLY,
  RANKING_REPLY,
  STATEMENT_REPLY,
  SUMMARY_REPLY,
  TRANSACTION_ANSWER,
  TRANSACTION_REPLY,
  TRANSFER_REPLY,
} from './answers.js'
import { CUSTOMERS_CSV, RANKING_CSV, STATEMENT_CSV, STATEMENT_PDF } from './csv-columns.js'
import { OPERATIONS_ROUTES } from './operations-routes.js'
import { problem } from './problem.js'
import type { Fields, Given, Route, RouteReply } from './route.js'
import {
  AMOUNT,
  ASSET,
  CLIENT_ID,
  CURSOR,
  DAY,
  exactObject,
  limit,
  oneOf,
  type Properties,
  type Schema,
  SEQ,
  STORED_TRANSACTION_ID,
  TIME,
  TRANSACTION_ID,
  VERSION,
} from './schema.js'
import { OPTIONAL, WRITE_CODES, write } from './write-route.js'

const READ_CODES: readonly ErrorCode[] = ['TIMEOUT']
const BATCH_BYTES_MAX = 1_000_000
const BATCH_COMMANDS_MAX = 1_000

const OF_CUSTOMER: Properties = { client_id: CLIENT_ID }
const PAGE: Properties = { limit: limit(50), cursor: CURSOR, asset: ASSET }

const read = (route: Omit<Route, 'method' | 'effect' | 'success' | 'codes'> & Partial<Route>): Route => ({
  method: 'GET',
  effect: 'read',
  success: 200,
  codes: READ_CODES,
  ...route,
})

const askCustomer = ({ params, query }: Given): Fields => ({ ...query, client_id: params.client_id })

const ofCustomer = ({ params }: Given): readonly string[] => textsOf(params, ['client_id'])

/** The values of the fields `names` that are texts. */
const textsOf = (fields: Fields, names: readonly string[]): readonly string[] =>
  names.flatMap(name => {
    const value = fields[name]
    return typeof value === 'string' ? [value] : []
  })

const CUSTOMER_FIELDS = ['client_id', 'from', 'to']

/** The customers in the answer about a transaction: of its reply, or of its refusal. */
const customersOfTransaction = ({ reply, error }: Fields): readonly string[] => {
  const { from, to, ...rest } = (reply ?? error ?? {}) as Fields
  return [rest, from, to].flatMap(part => (isJsonObject(part) ? textsOf(part, ['client_id']) : []))
}

const LEDGER_NUMBER = /^-?\d{1,20}$/

/** The fields of a question about one account: how new the answer has to be, or the moment of the past. */
const WHICH_ACCOUNT: Properties = {
  asset: ASSET,
  min_version: { ...VERSION, description: 'must be a whole number: read your own write, or newer' },
  as_of: TIME,
  as_of_seq: SEQ,
  consistency: oneOf('strong'),
}

/** The customers of explained events, and those that refused a command: their accounts are in the answer. */
const customersOfExplanation = ({ events }: Fields): readonly string[] =>
  (Array.isArray(events) ? (events as readonly Fields[]) : []).flatMap(event =>
    textsOf(event, ['client_id', 'refused_by']),
  )

const noSuchTransaction = (transaction_id: string | undefined) =>
  problem('NOT_FOUND', 'the ledger holds no such transaction', { fields: { transaction_id } })

const movement = (type: 'credit' | 'debit', summary: string): Route =>
  write({
    operation: type,
    path: `/v1/customers/{client_id}/${type}s`,
    summary,
    subject: `customer.${type}`,
    params: OF_CUSTOMER,
    customers: ofCustomer,
    body: exactObject({ amount: AMOUNT }, { ...OPTIONAL, asset: ASSET }),
    ask: ({ params, body, transaction_id }) => ({ ...body, client_id: params.client_id, transaction_id }),
    reply: MOVEMENT_REPLY,
  })

/** A header's whole number as a field: a number while that is exact, else a decimal string; without the header no field. */
const numberFrom = (headers: RouteReply['headers'], header: string, name: string): Fields => {
  const value = headers[header]
  return value !== undefined && LEDGER_NUMBER.test(value) ? { [name]: toJson(BigInt(value)) } : {}
}

export const BATCH_COMMAND: Schema = {
  anyOf: [
    exactObject(
      { type: oneOf('credit', 'debit'), client_id: CLIENT_ID, amount: AMOUNT },
      { ...OPTIONAL, asset: ASSET, transaction_id: TRANSACTION_ID },
    ),
    exactObject(
      { type: { type: 'string', const: 'transfer' }, from: CLIENT_ID, to: CLIENT_ID, amount: AMOUNT },
      { ...OPTIONAL, asset: ASSET, transaction_id: TRANSACTION_ID },
    ),
    ...ACCOUNT_COMMANDS,
    REVERSE_COMMAND,
  ],
  description:
    'must be a command: type credit or debit with client_id and amount, type transfer with from, to and amount, or hold, capture, release, limit, restrict or reverse',
}

/** The suffix that makes the id of a batch's command out of the idempotency key. */
const idSuffix = (index: number): string => `:${index}`

/** The commands in the body of a batch; a single command has none. */
export const commandsIn = ({ commands }: Fields): readonly Fields[] =>
  Array.isArray(commands) ? (commands as readonly Fields[]) : []

/** The field of a batch's command that has the command's id. */
const idFieldOf = ({ type }: Fields): string => (type === 'reverse' ? 'reversal_id' : 'transaction_id')

/** The length of the longest suffix: that of the last command that brings no id of its own. */
const idSuffixCharsMax = (body: Fields): number => {
  const last = commandsIn(body).findLastIndex(one => !Object.hasOwn(one, idFieldOf(one)))
  return last === -1 ? 0 : idSuffix(last).length
}

/** Gives every command without an id one; it is the same when the same batch is sent again. */
const withIds = ({ body, transaction_id }: Given): Fields => ({
  ...body,
  commands: commandsIn(body).map((command, i) => ({
    [idFieldOf(command)]: transaction_id + idSuffix(i),
    ...command,
  })),
})

/** The customers of a batch; undefined with a reversal, which may be about any. */
const customersOfBatch = (commands: readonly Fields[]): readonly string[] | undefined =>
  commands.some(({ type }) => type === 'reverse')
    ? undefined
    : commands.flatMap(command => textsOf(command, CUSTOMER_FIELDS))

export const ROUTES: readonly Route[] = [
  read({
    operation: 'balance',
    path: '/v1/customers/{client_id}/balance',
    summary: 'The balance of one customer; 0 for one without events',
    subject: 'customer.balance',
    params: OF_CUSTOMER,
    customers: ofCustomer,
    query: WHICH_ACCOUNT,
    ask: askCustomer,
    reply: BARE_BALANCE,
    answer: BALANCE_ANSWER,
    toAnswer: ({ body, headers }, { params, query }) =>
      E.right({
        client_id: params.client_id,
        ...(query.asset === undefined ? {} : { asset: query.asset }),
        ...body,
        ...numberFrom(headers, 'Ledger-Version', 'version'),
        ...numberFrom(headers, 'Ledger-Seq', 'seq'),
        ...numberFrom(headers, 'Ledger-Available', 'available'),
        ...numberFrom(headers, 'Ledger-Held', 'held'),
      }),
    codes: [...READ_CODES, 'NOT_REACHED'],
  }),
  read({
    operation: 'account',
    path: '/v1/customers/{client_id}/account',
    summary: 'The account of one customer: what is available and held, its limit and state, its open holds',
    subject: 'customer.account',
    params: OF_CUSTOMER,
    customers: ofCustomer,
    query: WHICH_ACCOUNT,
    ask: askCustomer,
    reply: ACCOUNT_REPLY,
    codes: [...READ_CODES, 'NOT_REACHED'],
  }),
  read({
    operation: 'statement',
    path: '/v1/customers/{client_id}/statement',
    summary: "A customer's history, newest first, with the balance after each entry",
    subject: 'customer.statement',
    params: OF_CUSTOMER,
    customers: ofCustomer,
    query: { ...PAGE, from: TIME, to: TIME, proof: oneOf('true') },
    ask: ({ params, query: { proof, ...query } }) => ({
      ...query,
      client_id: params.client_id,
      ...(proof === undefined ? {} : { proof: true }),
    }),
    reply: STATEMENT_REPLY,
    csv: STATEMENT_CSV,
    pdf: STATEMENT_PDF,
    // a PDF alone has these two
    codes: [...READ_CODES, 'NOT_FOUND', 'STATEMENT_TOO_LONG'],
  }),
  movement('credit', "Adds an amount to a customer's balance"),
  movement('debit', "Takes an amount from a customer's balance, if it covers it"),
  read({
    operation: 'holds',
    path: '/v1/customers/{client_id}/holds',
    summary: 'The open holds of one customer, the first one to expire first',
    subject: 'customer.holds',
    params: OF_CUSTOMER,
    customers: ofCustomer,
    query: PAGE,
    ask: askCustomer,
    reply: HOLDS_REPLY,
  }),
  ...ACCOUNT_ROUTES,
  read({
    operation: 'customers',
    path: '/v1/customers',
    summary: 'All customers, or those whose ids begin with `prefix`, by id',
    subject: 'customer.list',
    query: { ...PAGE, prefix: CLIENT_ID },
    ask: ({ query }) => query,
    reply: LIST_REPLY,
    csv: CUSTOMERS_CSV,
  }),
  write({
    operation: 'transfer',
    path: '/v1/transfers',
    summary: "Moves an amount from one customer's balance to another's, whole or not at all",
    subject: 'customer.transfer',
    body: {
      ...exactObject({ from: CLIENT_ID, to: CLIENT_ID, amount: AMOUNT }, { ...OPTIONAL, asset: ASSET }),
      examples: [{ from: '678', to: '679', amount: 50 }],
    },
    customers: ({ body }) => textsOf(body, CUSTOMER_FIELDS),
    ask: ({ body, transaction_id }) => ({ ...body, transaction_id }),
    reply: TRANSFER_REPLY,
  }),
  write({
    operation: 'batch',
    path: '/v1/batches',
    summary: 'Up to 1,000 commands: each by itself, or all or none; a result per command, in order',
    subject: 'customer.batch',
    body: exactObject(
      {
        mode: oneOf('each', 'all'),
        commands: { type: 'array', items: BATCH_COMMAND, minItems: 1, maxItems: BATCH_COMMANDS_MAX },
      },
      {},
    ),
    customers: ({ body }) => customersOfBatch(commandsIn(body)),
    ask: withIds,
    key_chars_added: idSuffixCharsMax,
    reply: BATCH_REPLY,
    success: 200,
    // a reversal may name a transaction that the ledger does not hold
    codes: [...WRITE_CODES, 'NOT_FOUND'],
    body_bytes_max: BATCH_BYTES_MAX,
  }),
  read({
    operation: 'transaction',
    path: '/v1/transactions/{transaction_id}',
    summary: 'What became of a transaction; 404 when the ledger holds none of that id',
    subject: 'customer.transaction',
    params: { transaction_id: STORED_TRANSACTION_ID },
    ask: ({ params }) => ({ transaction_id: params.transaction_id }),
    reply: TRANSACTION_REPLY,
    customers_answered: customersOfTransaction,
    answer: TRANSACTION_ANSWER,
    toAnswer: ({ body }, { params: { transaction_id } }) =>
      body.status === 'unknown'
        ? E.left(noSuchTransaction(transaction_id))
        : E.right({ transaction_id, ...body }),
    codes: [...READ_CODES, 'NOT_FOUND'],
  }),
  read({
    operation: 'explain',
    path: '/v1/transactions/{transaction_id}/explain',
    summary:
      'Why a transaction had the effect that it had: the accounts before and after it, what counted, and the rule',
    subject: 'customer.explain',
    params: { transaction_id: STORED_TRANSACTION_ID },
    ask: ({ params }) => ({ transaction_id: params.transaction_id }),
    reply: EXPLAIN_REPLY,
    customers_answered: customersOfExplanation,
    toAnswer: ({ body }, { params: { transaction_id } }) =>
      body.status === 'unknown' ? E.left(noSuchTransaction(transaction_id)) : E.right(body),
    codes: [...READ_CODES, 'NOT_FOUND'],
  }),
  read({
    operation: 'summary',
    path: '/v1/summary',
    summary: 'Totals of the ledger, and of each day asked for',
    subject: 'customer.summary',
    query: { from: DAY, to: DAY, asset: ASSET },
    ask: ({ query }) => query,
    reply: SUMMARY_REPLY,
  }),
  read({
    operation: 'ranking',
    path: '/v1/ranking',
    summary: 'The highest balances, ties by id',
    subject: 'customer.ranking',
    query: { limit: limit(10), cursor: CURSOR, asset: ASSET },
    ask: ({ query }) => query,
    reply: RANKING_REPLY,
    csv: RANKING_CSV,
  }),
  read({
    operation: 'events',
    path: '/v1/events',
    summary:
      'The events as they are stored, oldest first; with `Accept: text/event-stream` as server-sent events that go on',
    subject: 'customer.events',
    query: {
      after_seq: {
        ...SEQ,
        description: 'must be a whole number: the last sequence that is known; absent: the newest one',
      },
      limit: limit(100),
      client_id: CLIENT_ID,
      asset: ASSET,
    },
    customers: ({ query }) => textsOf(query, ['client_id']),
    ask: ({ query }) => query,
    reply: EVENTS_REPLY,
    codes: [...READ_CODES, 'NOT_REACHED'],
    may_stream: true,
  }),
  ...OPERATIONS_ROUTES,
]

/** The effect of each subject that a NATS request over HTTP may name; those for operators have their routes alone. */
export const SUBJECTS: ReadonlyMap<string, Effect> = new Map(
  ROUTES.filter(({ scope }) => scope === undefined).map(({ subject, effect }) => [subject, effect]),
)
