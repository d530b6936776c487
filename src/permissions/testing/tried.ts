/**
 * Everything that a test tries with each user's connection: subjects to publish on and to subscribe to, whatever the user is
 * for. Nothing here is taken from the lists of rights.
 */

const STREAMS = [
  'customer-balances',
  'customer-dead-letters',
  'KV_config',
  'KV_customer-keys',
  'customer-transaction-ids',
  'customer-signed-heads',
  'evil',
]

const STREAM_VERBS = [
  'CREATE',
  'UPDATE',
  'INFO',
  'DELETE',
  'PURGE',
  'SNAPSHOT',
  'RESTORE',
  'MSG.GET',
  'MSG.DELETE',
  'LEADER.STEPDOWN',
  'PEER.REMOVE',
  'PEER.EVACUATE',
  'CANCEL_MOVE',
]

/** Verbs whose subject ends with a stream and a consumer. */
const CONSUMER_VERBS = [
  'DURABLE.CREATE',
  'CREATE',
  'DELETE',
  'INFO',
  'PAUSE',
  'UNPIN',
  'RESET',
  'MSG.NEXT',
  'LEADER.STEPDOWN',
  'PEER.REMOVE',
  'PEER.EVACUATE',
]

const ofStream = (stream: string): readonly string[] => [
  ...STREAM_VERBS.map(verb => `$JS.API.STREAM.${verb}.${stream}`),
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.$KV.config.seed`,
  `$JS.API.DIRECT.GET.${stream}.customer.balance.678`,
  ...CONSUMER_VERBS.map(verb => `$JS.API.CONSUMER.${verb}.${stream}.ledger`),
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.ledger.customer.balance.678`,
  `$JS.API.CONSUMER.CREATE.${stream}.ledger.customer.credit`,
  `$JS.API.CONSUMER.LIST.${stream}`,
  `$JS.API.CONSUMER.NAMES.${stream}`,
  `$JS.ACK.${stream}.ledger.1.1.1.1.0`,
  `$JS.ACK.hub.h4sh.${stream}.ledger.1.1.1.1.0`,
  `$JS.FC.${stream}.ledger.x`,
  `$JS.SNAPSHOT.RESTORE.${stream}.x`,
]

/** Every user of the test, and a user whom nobody made. */
const NAMES = [
  'commands',
  'projections',
  'queries',
  'gateway',
  'operations',
  'seed',
  'replay',
  'verify',
  'operator',
  'reader',
  'client',
  'shop',
  'nobody',
]

const ENDPOINTS = [
  'customer.account',
  'customer.balance',
  'customer.events',
  'customer.explain',
  'customer.holds',
  'customer.operations.status',
  'customer.operations.letters',
  'customer.operations.parked',
  'customer.operations.retry',
  'customer.operations.discard',
  'customer.operations.replay',
  'customer.operations.cancel',
  'customer.list',
  'customer.ranking',
  'customer.statement',
  'customer.summary',
  'customer.transaction',
  'customer.credit',
  'customer.debit',
  'customer.transfer',
  'customer.hold',
  'customer.capture',
  'customer.release',
  'customer.limit',
  'customer.restrict',
  'customer.reverse',
  'customer.batch',
]

const INSTANCES = ['sign', 'commands', 'answers.y', 'else']

const CONTROL = ['PING', 'INFO', 'STATS'].flatMap(verb => [
  `$SRV.${verb}`,
  `$SRV.${verb}.customer`,
  `$SRV.${verb}.customer.x`,
  `$SRV.${verb}.other`,
])

const recordsOf = (projection: string): readonly string[] =>
  [
    `projection.${projection}`,
    `replay.${projection}`,
    `status.${projection}`,
    `parked.${projection}.Njc4`,
  ].map(key => `$KV.config.${key}`)

/** A consumer of somebody else's, beside the projections'. */
const OF_CONSUMER = [
  '$JS.API.CONSUMER.INFO.customer-balances.consumer',
  '$JS.API.CONSUMER.MSG.NEXT.customer-balances.consumer',
  '$JS.ACK.customer-balances.consumer.1.1.1.1.0',
]

/** The subjects to publish on. */
export const PUBLISHED: readonly string[] = [
  ...OF_CONSUMER,
  ...STREAMS.flatMap(ofStream),
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.META.LEADER.STEPDOWN',
  '$JS.API.META.RESCUE',
  '$JS.API.SERVER.REMOVE',
  '$JS.API.SERVER.EVACUATE',
  '$JS.API.ACCOUNT.PURGE.x',
  '$JS.API.ACCOUNT.STREAM.MOVE.x.customer-balances',
  '$JS.hub.API.STREAM.DELETE.customer-balances',
  '$JS.EVENT.ADVISORY.API',
  'customer.balance.678',
  'customer.balance.678.more',
  'customer.dead-letter.678.9',
  'customer.transaction-ids.7.before.own',
  'customer.transaction-ids.row.7.own.1023',
  'customer.transaction-ids.7',
  'customer.transaction-ids.7.before.own.more',
  'customer.signed-head',
  'customer.signed-head.more',
  'customer.dead-letter.678.9.mark',
  '$KV.config.seed',
  '$KV.config.ledger',
  // of the projection, and of one that is not there
  ...['ledger', 'other'].flatMap(recordsOf),
  '$KV.config.made-up',
  '$KV.customer-keys.678',
  '$KV.customer-keys.678.more',
  '$KV.other.seed',
  'evil.4711',
  ...ENDPOINTS,
  'customer.event.4711',
  'customer.event.678',
  'customer.event.4711.more',
  ...INSTANCES.map(what => `customer.instance.x.${what}`),
  ...CONTROL,
  '$SRV.OTHER.customer',
  '$SYS.REQ.SERVER.PING',
  '$SYS.REQ.ACCOUNT.PING.CONNZ',
  '$SYS.REQ.USER.INFO',
  ...NAMES.map(name => `_INBOX.${name}.x`),
  '_INBOX.x',
  '_R_.x.y',
  '_GR_.a.b.customer.balance.678',
  '_acme.x',
]

export type Subscribed = { readonly subject: string; readonly queue?: string }

/** The subjects to subscribe to, each alone and as a member of the service's queue group and of another one. */
export const SUBSCRIBED: readonly Subscribed[] = [
  '>',
  '*',
  '*.>',
  'customer.>',
  'customer.*',
  'customer.balance.>',
  'customer.balance.678',
  'customer.dead-letter.>',
  'customer.transaction-ids.>',
  'customer.signed-head',
  ...ENDPOINTS,
  'customer.event.*',
  'customer.event.4711',
  'customer.instance.>',
  ...INSTANCES.map(what => `customer.instance.x.${what}`),
  ...CONTROL,
  '$SRV.>',
  '$JS.>',
  '$JS.API.STREAM.INFO.customer-balances',
  '$JS.EVENT.>',
  '$KV.>',
  '$KV.config.ledger',
  '$KV.customer-keys.>',
  '$KV.customer-keys.*',
  '$KV.customer-keys.678',
  '$SYS.>',
  '_INBOX.>',
  '_INBOX.*',
  '_INBOX.*.>',
  '_INBOX.*.x',
  ...NAMES.flatMap(name => [`_INBOX.${name}.>`, `_INBOX.${name}.x`]),
  '_R_.>',
].flatMap(subject => [{ subject }, { subject, queue: 'q' }, { subject, queue: 'evil' }])
