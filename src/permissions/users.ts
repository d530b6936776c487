/**
 * What each NATS user of a ledger may publish and subscribe to. This is the only place that says so: the guides, the tests
 * and the renderers beside this file take it from here (docs/adr/0041).
 *
 * Everything is allowed by name and nothing is denied, because a list of what is denied forgets some. No user may have its
 * answers allowed by the server (`allow_responses`): that overrides the lists. Each user has inboxes of its own, since who
 * hears another's inbox hears its answers.
 */

import { commandsSubject, EVERY_SIGN, everyAnswer } from '../commands/routing/messages.js'
import { ENDPOINTS, EVENT_REQUEST_PREFIX, SERVICE_NAME, type ServiceEndpoint } from '../service/endpoints.js'
import { controlSubjects, DEFAULT_QUEUE_GROUP, VERBS, type Verb } from '../service/protocol.js'
import {
  LEDGER_KEY,
  parkedPrefix,
  pointerKey,
  replayKey,
  SCHEMA_KEY,
  SEED_KEY,
  statusKey,
  subjectOfKey,
} from '../stream/config-bucket.js'
import {
  DEAD_LETTER_PREFIX,
  HEAD_SUBJECT,
  LEDGER_SUBJECTS,
  PERSON_KEY_PREFIX,
  TRANSACTION_IDS_PREFIX,
} from '../stream/settings.js'
import {
  consumeAs,
  consumeFrom,
  ERASE_PERSON_KEYS,
  MANAGE_CONSUMERS,
  MANAGE_STREAMS,
  READ,
  READ_ASSETS,
  READ_CHECKPOINT,
  READ_EVENTS,
  READ_HEADS,
  READ_KEYS,
  READ_LETTERS,
  READ_PERSON_KEYS,
  READ_WHOLE,
} from './jetstream.js'

/** The kinds of users: the roles of a process, the programs that run once, and the ledger's callers. */
export const USERS = [
  'commands',
  'projections',
  'queries',
  'gateway',
  'operations',
  'seed',
  'replay',
  'verify',
  'exporter',
  'importer',
  'operator',
  'reader',
  'client',
  'publisher',
  'consumer',
] as const
export type User = (typeof USERS)[number]

/** With a `queue`, the subject may be subscribed to as a member of that queue group only. */
export type Listened = { readonly subject: string; readonly queue?: string }

export type Permissions = { readonly publish: readonly string[]; readonly subscribe: readonly Listened[] }

export type Deployment = {
  /** Prefixes of inboxes that the service answers beside `_INBOX` (`JETLEDGER_REPLY_PREFIXES`). */
  readonly reply_prefixes?: readonly string[]
  /** Whether other accounts import the service: their requests bring reply subjects of the server's own. */
  readonly has_imports?: boolean
  /** The JetStream domain of the servers, if they have one. */
  readonly domain?: string
}

/** The name of one user, and the customers whose events a publisher hands in. */
export type Naming = {
  /** The user's kind, unless there are several of the kind. It is the second token of the user's inboxes. */
  readonly name?: string
  /** One token each. `*` is every customer. */
  readonly customers?: readonly string[]
}

/** The value of `NATS_INBOX_PREFIX` for a user. */
export const inboxPrefixOf = (name: string): string => `_INBOX.${name}`

const EVERY_EVENT = LEDGER_SUBJECTS.replace(/>$/, '*')
/** The chunks of the checkpoint of transaction ids. A forged one can make a known id look new (docs/adr/0036). */
const EVERY_CHUNK = `${TRANSACTION_IDS_PREFIX}*.*.*`
/** The index of these ids, in buckets. What was said of chunks holds for them. */
const EVERY_BUCKET = `${TRANSACTION_IDS_PREFIX}row.*.*.*`
/** The keys of persons. Whoever hears them can open every sealed text. */
const EVERY_PERSON_KEY = `${PERSON_KEY_PREFIX}*`
const EVERY_LETTER = `${DEAD_LETTER_PREFIX}>`
/** The records of the one projection: its active generation, its active instance, its replay, and its parked customers. */
const [POINTER, STATUS, REPLAY_LOCK, EVERY_NOTE] = [
  pointerKey('ledger'),
  statusKey('ledger'),
  replayKey('ledger'),
  `${parkedPrefix('ledger')}*`,
]
/** nats-server tells the user there its own name, which stands beside the decisions of a person. */
const OWN_NAME = '$SYS.REQ.USER.INFO'
/** What instances of the command side say to each other. */
const BETWEEN_INSTANCES = [EVERY_SIGN, commandsSubject('*'), everyAnswer('*')]

const ofService = (verb: Verb): string => `$SRV.${verb}.${SERVICE_NAME}`

const requestsOf = (isMeant: (endpoint: ServiceEndpoint) => boolean): readonly string[] =>
  ENDPOINTS.filter(isMeant).map(({ subject }) => subject)

const isEvent = ({ name }: ServiceEndpoint): boolean => name === 'event'
const isOperation = ({ role }: ServiceEndpoint): boolean => role === 'operations'
const QUESTIONS = requestsOf(endpoint => endpoint.effect === 'read' && !isOperation(endpoint))
const COMMANDS = requestsOf(
  endpoint => endpoint.effect === 'write' && !isEvent(endpoint) && !isOperation(endpoint),
)
const OPERATIONS = requestsOf(isOperation)

/** Serving the endpoints of a role: only as one of the instances, which share the requests by their queue group. */
const servedBy = (role: ServiceEndpoint['role']): readonly Listened[] => [
  ...requestsOf(endpoint => endpoint.role === role).map(subject => ({ subject, queue: DEFAULT_QUEUE_GROUP })),
  ...VERBS.flatMap(verb =>
    controlSubjects(verb, { name: SERVICE_NAME, id: '*', version: '', metadata: {} }),
  ).map(subject => ({ subject })),
]

/** Answering requests: at every inbox, and at the server's own reply subjects for other accounts. */
const answers = ({ reply_prefixes = [], has_imports = false }: Deployment): readonly string[] =>
  ['_INBOX', ...reply_prefixes, ...(has_imports ? ['_R_'] : [])].map(prefix => `${prefix}.>`)

const keys = (...each: readonly string[]): readonly string[] => each.map(subjectOfKey)

/** The right to publish, and to subscribe to more than the own inboxes, of each kind of user. */
const RIGHTS: Readonly<
  Record<
    User,
    (deployment: Deployment, naming: Naming) => { publish: readonly string[]; serves?: readonly Listened[] }
  >
> = {
  commands: deployment => ({
    publish: [
      ...READ,
      ...READ_LETTERS,
      ...READ_CHECKPOINT,
      ...READ_PERSON_KEYS,
      EVERY_EVENT,
      EVERY_CHUNK,
      EVERY_BUCKET,
      EVERY_PERSON_KEY,
      ...keys(LEDGER_KEY, SCHEMA_KEY),
      ...BETWEEN_INSTANCES,
      ...answers(deployment),
    ],
    serves: [
      ...servedBy('commands'),
      ...[...BETWEEN_INSTANCES, EVERY_PERSON_KEY].map(subject => ({ subject })),
    ],
  }),
  projections: ({ domain }) => ({
    publish: [
      ...READ,
      ...READ_KEYS,
      ...READ_LETTERS,
      ...READ_HEADS,
      ...consumeAs(domain),
      EVERY_LETTER,
      HEAD_SUBJECT,
      ...keys(LEDGER_KEY, SCHEMA_KEY, POINTER, STATUS, EVERY_NOTE),
    ],
  }),
  queries: deployment => ({
    publish: [
      ...READ,
      ...READ_KEYS,
      ...READ_HEADS,
      ...READ_LETTERS,
      ...READ_CHECKPOINT,
      ...READ_PERSON_KEYS,
      ...answers(deployment),
    ],
    serves: [...servedBy('queries'), { subject: EVERY_PERSON_KEY }],
  }),
  gateway: () => ({ publish: [...QUESTIONS, ...COMMANDS, ...OPERATIONS, ofService('PING')] }),
  operations: deployment => ({
    publish: [
      ...READ,
      ...READ_KEYS,
      ...READ_LETTERS,
      ...READ_WHOLE,
      ...MANAGE_CONSUMERS,
      EVERY_EVENT,
      EVERY_LETTER,
      ...keys(POINTER, REPLAY_LOCK, EVERY_NOTE),
      ofService('STATS'),
      ...answers(deployment),
    ],
    serves: servedBy('operations'),
  }),
  seed: () => ({ publish: [...READ, ...READ_KEYS, EVERY_EVENT, ...keys(SEED_KEY)] }),
  replay: () => ({
    publish: [
      ...READ,
      ...READ_KEYS,
      ...READ_WHOLE,
      ...READ_LETTERS,
      ...MANAGE_CONSUMERS,
      EVERY_LETTER,
      ...keys(POINTER, REPLAY_LOCK, EVERY_NOTE),
      OWN_NAME,
    ],
  }),
  verify: () => ({
    publish: [...READ, ...READ_KEYS, ...READ_LETTERS, ...READ_HEADS, ...READ_CHECKPOINT],
  }),
  exporter: () => ({ publish: [...READ_EVENTS, ...READ_ASSETS] }),
  importer: () => ({ publish: requestsOf(({ name }) => name === 'batch') }),
  operator: () => ({
    publish: [
      ...READ,
      ...READ_KEYS,
      ...READ_LETTERS,
      ...READ_WHOLE,
      ...READ_HEADS,
      ...READ_PERSON_KEYS,
      ...ERASE_PERSON_KEYS,
      ...MANAGE_STREAMS,
      ...MANAGE_CONSUMERS,
      ...keys('>'),
      EVERY_PERSON_KEY,
      EVERY_EVENT,
      EVERY_LETTER,
      ofService('STATS'),
      OWN_NAME,
    ],
  }),
  reader: () => ({ publish: QUESTIONS }),
  client: () => ({ publish: [...QUESTIONS, ...COMMANDS] }),
  // an operator has made the durable consumer, which is named like the user
  consumer: ({ domain }, { name = 'consumer' }) => ({ publish: consumeFrom(name, domain) }),
  publisher: (_, { customers = ['*'] }) => ({
    publish: customers.map(customer => EVENT_REQUEST_PREFIX + customer),
  }),
}

/** Everything that a user of this kind may do; it may do nothing else. */
export const permissionsOf = (user: User, deployment: Deployment = {}, naming: Naming = {}): Permissions => {
  const { publish, serves = [] } = RIGHTS[user](deployment, naming)
  return {
    publish: [...new Set(publish)],
    subscribe: [{ subject: `${inboxPrefixOf(naming.name ?? user)}.>` }, ...serves],
  }
}
