/**
 * What each user may do, stated by hand from what its program does: everything else has to be refused (users.int.spec.ts).
 */

import type { User } from '../users.js'
import { PUBLISHED } from './tried.js'

const lines = (text: string): readonly string[] => text.split(/\s+/).filter(word => word !== '')

/** Reading ledger and bucket, without making anything on the server. */
const READING = lines(`
  $JS.API.STREAM.INFO.customer-balances
  $JS.API.STREAM.INFO.customer-dead-letters
  $JS.API.STREAM.INFO.KV_config
  $JS.API.STREAM.INFO.customer-signed-heads
  $JS.API.STREAM.INFO.KV_customer-keys
  $JS.API.STREAM.MSG.GET.customer-balances
  $JS.API.STREAM.MSG.GET.KV_config
  $JS.API.DIRECT.GET.customer-balances
  $JS.API.CONSUMER.INFO.customer-balances.ledger
  $JS.API.CONSUMER.INFO.customer-balances.consumer
  $JS.API.CONSUMER.LIST.customer-balances
`)

/** Reading the events alone. */
const EVENTS = lines(`
  $JS.API.STREAM.INFO.customer-balances
  $JS.API.STREAM.MSG.GET.customer-balances
  $JS.API.DIRECT.GET.customer-balances
`)

const KEYS = lines(`
  $JS.API.DIRECT.GET.KV_config
  $JS.API.DIRECT.GET.KV_config.$KV.config.seed
`)
const HEADS = '$JS.API.DIRECT.GET.customer-signed-heads'
const LETTERS = lines(`
  $JS.API.STREAM.MSG.GET.customer-dead-letters
  $JS.API.DIRECT.GET.customer-dead-letters
`)

const CONSUMERS = lines(`
  $JS.API.CONSUMER.CREATE.customer-balances
  $JS.API.CONSUMER.MSG.NEXT.customer-balances.ledger
  $JS.API.CONSUMER.MSG.NEXT.customer-balances.consumer
  $JS.API.CONSUMER.CREATE.customer-balances.ledger.customer.balance.678
  $JS.API.CONSUMER.DELETE.customer-balances.ledger
  $JS.API.CONSUMER.PAUSE.customer-balances.ledger
  $JS.API.CONSUMER.RESET.customer-balances.ledger
`)

const QUESTIONS = lines(
  'account balance events explain holds list ranking statement summary transaction'.replace(
    /\S+/g,
    'customer.$&',
  ),
)

const COMMANDS = lines(
  'credit debit transfer hold capture release limit restrict reverse batch'.replace(/\S+/g, 'customer.$&'),
)

const OPERATIONS = 'status letters parked retry discard replay cancel'
  .split(' ')
  .map(name => `customer.operations.${name}`)

const EVERY_INBOX = PUBLISHED.filter(subject => subject.startsWith('_INBOX.'))

const BETWEEN_INSTANCES = lines(`
  customer.instance.x.sign
  customer.instance.x.commands
  customer.instance.x.answers.y
`)

const CHECKPOINT = lines(`
  $JS.API.STREAM.INFO.customer-transaction-ids
  $JS.API.DIRECT.GET.customer-transaction-ids
`)

/** Reading the keys of persons. */
const PERSON_KEYS = lines(`
  $JS.API.STREAM.MSG.GET.KV_customer-keys
  $JS.API.DIRECT.GET.KV_customer-keys
`)

export const MAY_PUBLISH: Readonly<Record<User, readonly string[]>> = {
  commands: [
    ...READING,
    ...LETTERS,
    ...CHECKPOINT,
    ...PERSON_KEYS,
    '$KV.customer-keys.678',
    'customer.transaction-ids.7.before.own',
    'customer.transaction-ids.row.7.own.1023',
    'customer.balance.678',
    '$KV.config.ledger',
    ...BETWEEN_INSTANCES,
    ...EVERY_INBOX,
  ],
  projections: [
    ...READING,
    ...KEYS,
    ...LETTERS,
    '$JS.API.CONSUMER.MSG.NEXT.customer-balances.ledger',
    '$JS.API.CONSUMER.UNPIN.customer-balances.ledger',
    '$JS.API.CONSUMER.RESET.customer-balances.ledger',
    '$JS.ACK.customer-balances.ledger.1.1.1.1.0',
    '$JS.API.CONSUMER.MSG.NEXT.customer-balances.consumer',
    '$JS.ACK.customer-balances.consumer.1.1.1.1.0',
    HEADS,
    'customer.signed-head',
    'customer.dead-letter.678.9',
    'customer.dead-letter.678.9.mark',
    '$KV.config.ledger',
    '$KV.config.projection.ledger',
    '$KV.config.status.ledger',
    '$KV.config.parked.ledger.Njc4',
  ],
  queries: [...READING, ...KEYS, HEADS, ...LETTERS, ...CHECKPOINT, ...PERSON_KEYS, ...EVERY_INBOX],
  gateway: [...QUESTIONS, ...COMMANDS, ...OPERATIONS, '$SRV.PING.customer'],
  operations: [
    ...READING,
    ...KEYS,
    ...LETTERS,
    ...CONSUMERS,
    'customer.balance.678',
    'customer.dead-letter.678.9',
    'customer.dead-letter.678.9.mark',
    '$KV.config.projection.ledger',
    '$KV.config.replay.ledger',
    '$KV.config.parked.ledger.Njc4',
    '$SRV.STATS.customer',
    ...EVERY_INBOX,
  ],
  seed: [...READING, ...KEYS, 'customer.balance.678', '$KV.config.seed'],
  replay: [
    ...READING,
    ...KEYS,
    ...LETTERS,
    ...CONSUMERS,
    'customer.dead-letter.678.9',
    'customer.dead-letter.678.9.mark',
    '$KV.config.projection.ledger',
    '$KV.config.replay.ledger',
    '$SYS.REQ.USER.INFO',
    '$KV.config.parked.ledger.Njc4',
  ],
  verify: [...READING, ...KEYS, ...LETTERS, HEADS, ...CHECKPOINT],
  exporter: EVENTS,
  importer: ['customer.batch'],
  consumer: [
    '$JS.API.CONSUMER.INFO.customer-balances.consumer',
    '$JS.API.CONSUMER.MSG.NEXT.customer-balances.consumer',
    '$JS.ACK.customer-balances.consumer.1.1.1.1.0',
  ],
  operator: [
    ...READING,
    ...KEYS,
    ...LETTERS,
    ...CONSUMERS,
    ...PERSON_KEYS,
    '$KV.customer-keys.678',
    '$JS.API.STREAM.MSG.DELETE.KV_customer-keys',
    '$JS.API.STREAM.CREATE.KV_customer-keys',
    '$JS.API.STREAM.UPDATE.KV_customer-keys',
    '$JS.API.STREAM.CREATE.customer-balances',
    '$JS.API.STREAM.CREATE.customer-dead-letters',
    '$JS.API.STREAM.CREATE.KV_config',
    HEADS,
    '$JS.API.STREAM.CREATE.customer-signed-heads',
    '$JS.API.STREAM.UPDATE.customer-signed-heads',
    '$SYS.REQ.USER.INFO',
    '$JS.API.STREAM.INFO.customer-transaction-ids',
    '$JS.API.STREAM.CREATE.customer-transaction-ids',
    '$JS.API.STREAM.UPDATE.customer-transaction-ids',
    '$JS.API.STREAM.UPDATE.customer-balances',
    '$JS.API.STREAM.UPDATE.customer-dead-letters',
    '$JS.API.STREAM.UPDATE.KV_config',
    ...PUBLISHED.filter(subject => subject.startsWith('$KV.config.')),
    'customer.balance.678',
    'customer.dead-letter.678.9',
    'customer.dead-letter.678.9.mark',
    '$SRV.STATS.customer',
  ],
  reader: QUESTIONS,
  client: [...QUESTIONS, ...COMMANDS],
  publisher: ['customer.event.4711'],
}

const asMember = (subjects: readonly string[]): readonly string[] =>
  subjects.map(subject => `${subject} as q`)
export const inEveryGroup = (subjects: readonly string[]): readonly string[] =>
  subjects.flatMap(subject => [subject, `${subject} as q`, `${subject} as evil`])

/** Discovery: every instance answers by itself, in no queue group. */
const DISCOVERY = ['PING', 'INFO', 'STATS'].flatMap(verb => [
  `$SRV.${verb}`,
  `$SRV.${verb}.customer`,
  `$SRV.${verb}.customer.x`,
])

/** Hearing of an erasure. To nats-server the token `>` of a subscription is one that `*` covers. */
const OF_PERSON_KEYS = ['$KV.customer-keys.>', '$KV.customer-keys.*', '$KV.customer-keys.678']

/** What a user may subscribe to beside its own inboxes. */
export const MAY_SUBSCRIBE: Readonly<Partial<Record<User, readonly string[]>>> = {
  commands: [
    ...asMember([...COMMANDS, 'customer.transaction', 'customer.event.*', 'customer.event.4711']),
    ...inEveryGroup([...DISCOVERY, ...BETWEEN_INSTANCES, ...OF_PERSON_KEYS]),
  ],
  queries: [
    ...asMember(QUESTIONS.filter(subject => subject !== 'customer.transaction')),
    ...inEveryGroup([...DISCOVERY, ...OF_PERSON_KEYS]),
  ],
  operations: [...asMember(OPERATIONS), ...inEveryGroup(DISCOVERY)],
}
