/**
 * The subjects of JetStream's API on which a ledger's programs send requests. A right to publish on such a subject is a
 * right to that verb on that stream or consumer, so a list of them says exactly what a user may do.
 */

import { EVERY_ASSET } from '../stream/assets.js'
import { subjectOfKey } from '../stream/config-bucket.js'
import {
  CONFIG_STREAM,
  DEAD_LETTER_STREAM,
  HEAD_STREAM,
  LEDGER_STREAM,
  LEDGER_SUBJECTS,
  PERSON_KEY_STREAM,
  TRANSACTION_IDS_STREAM,
} from '../stream/settings.js'

const API = '$JS.API'

/** The streams of every ledger; the bucket is one of them. */
const STREAMS = [LEDGER_STREAM, DEAD_LETTER_STREAM, CONFIG_STREAM]

const onEach = (verb: string, streams: readonly string[]): readonly string[] =>
  streams.map(stream => `${API}.STREAM.${verb}.${stream}`)

const onConsumers = (verb: string): string => `${API}.CONSUMER.${verb}.${LEDGER_STREAM}.*`

/**
 * Reading the ledger by direct gets and from its leader, and the records in the bucket from their leader. It makes nothing
 * on the server: a consumer could deliver stored messages to any subject, so the right to make one is a right to publish
 * anywhere.
 */
export const READ: readonly string[] = [
  // only some ledgers have signed heads, or keys of persons
  ...onEach('INFO', [...STREAMS, HEAD_STREAM, PERSON_KEY_STREAM]),
  ...onEach('MSG.GET', [LEDGER_STREAM, CONFIG_STREAM]),
  `${API}.DIRECT.GET.${LEDGER_STREAM}`,
  onConsumers('INFO'),
  `${API}.CONSUMER.LIST.${LEDGER_STREAM}`,
]

/** Reading the events of the ledger and proving where they end, and no record beside them. */
export const READ_EVENTS: readonly string[] = [
  ...onEach('INFO', [LEDGER_STREAM]),
  ...onEach('MSG.GET', [LEDGER_STREAM]),
  `${API}.DIRECT.GET.${LEDGER_STREAM}`,
]

/** Reading keys of the bucket from any replica. The client of the bucket names the key in the subject. */
export const READ_KEYS: readonly string[] = [
  `${API}.DIRECT.GET.${CONFIG_STREAM}`,
  `${API}.DIRECT.GET.${CONFIG_STREAM}.${subjectOfKey('>')}`,
]

/** Reading what is declared of an asset, and no other record of the bucket: an account statement has the asset's decimals. */
export const READ_ASSETS: readonly string[] = [
  `${API}.DIRECT.GET.${CONFIG_STREAM}.${subjectOfKey(EVERY_ASSET)}`,
]

/** Reading dead letters and the decisions on them. */
export const READ_LETTERS: readonly string[] = [
  ...onEach('MSG.GET', [DEAD_LETTER_STREAM]),
  `${API}.DIRECT.GET.${DEAD_LETTER_STREAM}`,
]

/**
 * Working as a projection with the consumers of the ledger stream: taking events, acknowledging them, giving up the active
 * place, and starting again. A permission names whole tokens, and the name of a consumer ends in the number of its generation:
 * so it is a right to every consumer of this stream.
 */
export const consumeAs = (domain: string | undefined): readonly string[] => [
  ...['MSG.NEXT', 'UNPIN', 'RESET'].map(onConsumers),
  `$JS.ACK.${LEDGER_STREAM}.>`,
  // the form of acknowledgements that nats-server uses with its feature flag js_ack_fc_v2
  ...(domain === undefined ? [] : [`$JS.ACK.${domain}.*.${LEDGER_STREAM}.>`]),
]

/**
 * Taking events from one durable consumer, which somebody else has made, and acknowledging them. `name` is a token, or
 * the template for the name of a user.
 */
export const consumeFrom = (name: string, domain: string | undefined): readonly string[] => [
  ...['INFO', 'MSG.NEXT'].map(verb => `${API}.CONSUMER.${verb}.${LEDGER_STREAM}.${name}`),
  `$JS.ACK.${LEDGER_STREAM}.${name}.>`,
  ...(domain === undefined ? [] : [`$JS.ACK.${domain}.*.${LEDGER_STREAM}.${name}.>`]),
]

/** Making, pausing and removing consumers of the ledger stream. Such a consumer may deliver to any subject. */
export const MANAGE_CONSUMERS: readonly string[] = [
  `${API}.CONSUMER.CREATE.${LEDGER_STREAM}.*.${LEDGER_SUBJECTS}`,
  ...['DELETE', 'PAUSE', 'RESET'].map(onConsumers),
]

/** Reading the whole ledger as fast as the server gives it: by a nameless consumer, which its reader deletes. */
export const READ_WHOLE: readonly string[] = [
  `${API}.CONSUMER.CREATE.${LEDGER_STREAM}`,
  onConsumers('MSG.NEXT'),
]

/** Looking at the checkpoint of the transaction ids, and reading it. */
export const READ_CHECKPOINT: readonly string[] = [
  ...onEach('INFO', [TRANSACTION_IDS_STREAM]),
  `${API}.DIRECT.GET.${TRANSACTION_IDS_STREAM}`,
]

/** Reading the signed heads. */
export const READ_HEADS: readonly string[] = [`${API}.DIRECT.GET.${HEAD_STREAM}`]

/** Reading the keys under which texts of persons are sealed, from any replica and from their leader. */
export const READ_PERSON_KEYS: readonly string[] = [
  ...onEach('MSG.GET', [PERSON_KEY_STREAM]),
  `${API}.DIRECT.GET.${PERSON_KEY_STREAM}`,
]

/** Having the servers overwrite the key of a person on their disks. */
export const ERASE_PERSON_KEYS: readonly string[] = onEach('MSG.DELETE', [PERSON_KEY_STREAM])

/** Making the ledger's streams and changing their settings. Nobody may delete or purge one, or restore it. */
export const MANAGE_STREAMS: readonly string[] = [
  ...onEach('INFO', [TRANSACTION_IDS_STREAM]),
  ...['CREATE', 'UPDATE'].flatMap(verb =>
    onEach(verb, [...STREAMS, HEAD_STREAM, TRANSACTION_IDS_STREAM, PERSON_KEY_STREAM]),
  ),
]
