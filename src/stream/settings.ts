/**
 * Holds the settings of every stream and of the bucket, and compares them with the server's.
 *
 * Every setting that a server reports is compared, also one that is not stated here: a setting that was switched on
 * by hand may let acknowledged events vanish. The ledger is the truth for ever, so nothing may age out, be discarded,
 * deleted or purged (docs/adr/0001).
 */

import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream'
import { nanos } from 'nats'

export const LEDGER_STREAM = 'customer-balances'
export const LEDGER_SUBJECTS = 'customer.balance.>'
export const DEAD_LETTER_STREAM = 'customer-dead-letters'
export const DEAD_LETTER_PREFIX = 'customer.dead-letter.'
export const CONFIG_BUCKET = 'config'
/** The stream behind the bucket: NATS derives its name from the bucket's. */
export const CONFIG_STREAM = `KV_${CONFIG_BUCKET}`
export const TRANSACTION_IDS_STREAM = 'customer-transaction-ids'
export const TRANSACTION_IDS_PREFIX = 'customer.transaction-ids.'
export const HEAD_STREAM = 'customer-signed-heads'
export const HEAD_SUBJECT = 'customer.signed-head'
/** The KV bucket of the keys that seal the texts of persons, the stream behind it, and the prefix of its subjects. */
const PERSON_KEY_BUCKET = 'customer-keys'
export const PERSON_KEY_STREAM = `KV_${PERSON_KEY_BUCKET}`
export const PERSON_KEY_PREFIX = `$KV.${PERSON_KEY_BUCKET}.`

/** The largest event in bytes. Events are far smaller, even with headers; the limit bounds the memory of a reader. */
export const MSG_SIZE_BYTES_MAX = 64 * 1024
const DUPLICATE_WINDOW_MS = 120_000

/** The largest dead letter: it holds the whole event, with longer header names. */
export const LETTER_BYTES_MAX = 4 * MSG_SIZE_BYTES_MAX

/** The largest chunk of the checkpoint of transaction ids, with its headers. */
const IDS_CHUNK_BYTES_MAX = 1024 * 1024

/** A stream's settings; a setting that is not stated is switched off. */
export type StreamSettings = Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] }

export type SettingsOptions = {
  /** 3 in production, 1 on a single embedded server. */
  readonly replicas: number
  /**
   * The limit of the ledger stream in bytes, if any. At the limit new events are refused; old ones are never dropped.
   */
  readonly bytes_max?: number
  /** The limit of the dead letters in bytes; by default a tenth of the ledger's limit, if the ledger has one. */
  readonly dead_letter_bytes_max?: number
  /** Whether the ledger has signed heads (docs/tamper-evidence.md), and so a stream of them. */
  readonly has_heads?: boolean
  /** Whether texts of persons are sealed (docs/privacy.md), so that the ledger has a bucket of their keys. */
  readonly has_person_keys?: boolean
}

/** The smallest default limits of the dead letters and of the ids, and the bucket's limit, when the ledger has a limit. */
const LETTERS_BYTES_MIN = 16 * 1024 * 1024
const IDS_BYTES_MIN = 16 * 1024 * 1024
const BUCKET_BYTES_MAX = 16 * 1024 * 1024
const HEADS_BYTES_MIN = 16 * 1024 * 1024
const PERSON_KEYS_BYTES_MIN = 16 * 1024 * 1024

const letterBytesMax = ({ bytes_max, dead_letter_bytes_max }: SettingsOptions): number =>
  dead_letter_bytes_max ??
  (bytes_max === undefined ? -1 : Math.max(LETTERS_BYTES_MIN, Math.floor(bytes_max / 10)))

/** Settings that none of our streams uses. (Mirrors, sources, transforms and the like are off by not being stated.) */
const allOff = {
  max_consumers: -1,
  no_ack: false,
  sealed: false,
  discard_new_per_subject: false,
  allow_rollup_hdrs: false,
  allow_msg_ttl: false,
  subject_delete_marker_ttl: 0,
  allow_msg_schedules: false,
  allow_msg_counter: false,
  allow_atomic: false,
  allow_batched: false,
  mirror_direct: false,
}

const keepForever = {
  ...allOff,
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  max_age: 0,
  max_msgs: -1,
  max_bytes: -1,
  max_msgs_per_subject: -1,
  max_msg_size: MSG_SIZE_BYTES_MAX,
  deny_delete: true,
  deny_purge: true,
  allow_direct: true,
  // nats-server 2.15 loses replicas whose blocks are compressed (docs/adr/0030)
  compression: StoreCompression.None,
  duplicate_window: nanos(DUPLICATE_WINDOW_MS),
}

/** The stream of every balance mutation. */
export const ledgerStream = ({ replicas, bytes_max = -1 }: SettingsOptions): StreamSettings => ({
  ...keepForever,
  name: LEDGER_STREAM,
  description: 'Jetledger: every balance mutation, for ever',
  subjects: [LEDGER_SUBJECTS],
  num_replicas: replicas,
  max_bytes: bytes_max,
  allow_atomic: true,
})

/**
 * The stream of events that have no effect, with the reasons. A person may delete a letter that is dealt with, so
 * deleting is allowed here. A letter holds its whole event with longer header names, so it may be larger than an
 * event.
 */
export const deadLetterStream = (options: SettingsOptions): StreamSettings => ({
  ...keepForever,
  name: DEAD_LETTER_STREAM,
  description: 'Jetledger: events that have no effect, and why',
  subjects: [`${DEAD_LETTER_PREFIX}>`],
  num_replicas: options.replicas,
  max_bytes: letterBytesMax(options),
  max_msg_size: LETTER_BYTES_MAX,
  deny_delete: false,
})

/** The stream of the KV bucket `config`. Its keys may be deleted, so it must not hold facts that have to last. */
export const configStream = ({ replicas, bytes_max }: SettingsOptions): StreamSettings => ({
  ...allOff,
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  max_age: 0,
  max_msgs: -1,
  max_bytes: bytes_max === undefined ? -1 : BUCKET_BYTES_MAX,
  max_msgs_per_subject: 1,
  max_msg_size: -1,
  deny_delete: false,
  deny_purge: false,
  allow_direct: true,
  // a purge of a key is a roll-up
  allow_rollup_hdrs: true,
  compression: StoreCompression.None,
  duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  name: CONFIG_STREAM,
  description: 'Jetledger: seed state, active generations, parked customers',
  subjects: [`$KV.${CONFIG_BUCKET}.>`],
  num_replicas: replicas,
})

/**
 * The stream of the checkpoint of transaction ids (docs/adr/0010). It follows from the ledger, so it may be deleted at any
 * time, and a ledger works without it: it is not among `allSettings`. A chunk takes 8 bytes an event, so a tenth of the
 * ledger's limit holds the ids of a full ledger.
 */
export const transactionIdsStream = ({ replicas, bytes_max }: SettingsOptions): StreamSettings => ({
  ...keepForever,
  name: TRANSACTION_IDS_STREAM,
  description: 'Jetledger: the transaction ids of all events in short; may be deleted at any time',
  subjects: [`${TRANSACTION_IDS_PREFIX}>`],
  num_replicas: replicas,
  max_bytes: bytes_max === undefined ? -1 : Math.max(IDS_BYTES_MIN, Math.floor(bytes_max / 10)),
  // a chunk whose content is not that of its name is replaced
  max_msgs_per_subject: 1,
  max_msg_size: IDS_CHUNK_BYTES_MAX,
  deny_delete: false,
  deny_purge: false,
})

/**
 * The stream of signed heads, kept for ever like the events that they vouch for. A head takes 54 bytes for each event and
 * about a kilobyte for itself, so half of the ledger's limit is enough.
 */
export const headStream = ({ replicas, bytes_max }: SettingsOptions): StreamSettings => ({
  ...keepForever,
  name: HEAD_STREAM,
  description: 'Jetledger: signed heads, which vouch for the events',
  subjects: [HEAD_SUBJECT],
  num_replicas: replicas,
  max_bytes: bytes_max === undefined ? -1 : Math.max(HEADS_BYTES_MIN, Math.floor(bytes_max / 2)),
})

/**
 * The stream of the bucket of keys of persons. It keeps two records of a person, so that a key can still be overwritten on
 * the disk when the record of its erasure stands in its place (sealing/key-records.ts).
 */
const personKeyStream = (options: SettingsOptions): StreamSettings => ({
  ...configStream(options),
  name: PERSON_KEY_STREAM,
  description: 'Jetledger: the keys under which texts of persons are sealed',
  subjects: [`${PERSON_KEY_PREFIX}>`],
  max_msgs_per_subject: 2,
  max_bytes:
    options.bytes_max === undefined
      ? -1
      : Math.max(PERSON_KEYS_BYTES_MIN, Math.floor(options.bytes_max / 10)),
  max_msg_size: MSG_SIZE_BYTES_MAX,
})

/** The settings of all streams of a ledger: the events, the dead letters, the bucket, and what it has beside them. */
export const allSettings = (
  options: SettingsOptions,
): readonly [StreamSettings, StreamSettings, StreamSettings, ...StreamSettings[]] => [
  ledgerStream(options),
  deadLetterStream(options),
  configStream(options),
  ...(options.has_heads === true ? [headStream(options)] : []),
  ...(options.has_person_keys === true ? [personKeyStream(options)] : []),
]

/** The setting that is not compared, and the prefix of the metadata that a server keeps for itself. */
const FREE = 'placement'
const SERVERS_OWN = '_nats.'
/** The value that a server sends for a persist mode that is not set. */
const PERSIST_DEFAULT = 'default'

const withoutServersOwn = (metadata: unknown): unknown =>
  typeof metadata === 'object' && metadata !== null
    ? Object.fromEntries(Object.entries(metadata).filter(([key]) => !key.startsWith(SERVERS_OWN)))
    : metadata

/** The value of a setting, without the server's own metadata and defaults. */
export const settingOf = (config: Readonly<Record<string, unknown>>, name: string): unknown => {
  const value = Object.hasOwn(config, name) ? config[name] : undefined
  if (name === 'metadata') return withoutServersOwn(value)
  return name === 'persist_mode' && value === PERSIST_DEFAULT ? undefined : value
}

/** Whether a setting is off: by setting and version, a server leaves it out or sends an empty value. */
const isOff = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  value === 0 ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

/** Whether two values of a setting mean the same. */
export const isEqual = (a: unknown, b: unknown): boolean =>
  (isOff(a) && isOff(b)) || JSON.stringify(a) === JSON.stringify(b)

/** The value of a setting as a text for a person. */
export const shown = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value))

/** One setting in which a server's stream differs. */
export type SettingDifference = { readonly name: string; readonly is: unknown; readonly should_be: unknown }

/**
 * Every setting in which the server's stream differs from the wanted settings. A setting that this program does not
 * know is a difference unless it is off, because a newer server may have a setting that lets events vanish.
 */
export const differencesOf = (
  wanted: StreamSettings,
  actual: Readonly<Record<string, unknown>>,
): SettingDifference[] => {
  const stated: Readonly<Record<string, unknown>> = { ...wanted }
  return [...new Set([...Object.keys(stated), ...Object.keys(actual)])]
    .filter(name => name !== FREE)
    .map(name => ({ name, is: settingOf(actual, name), should_be: settingOf(stated, name) }))
    .filter(({ is, should_be }) => !isEqual(is, should_be))
}

/** `name: is X, should be Y` for every setting in which the server's stream differs. */
export const differences = (wanted: StreamSettings, actual: Readonly<Record<string, unknown>>): string[] =>
  differencesOf(wanted, actual).map(
    ({ name, is, should_be }) => `${name}: is ${shown(is)}, should be ${shown(should_be)}`,
  )

/** The advice at the end of every text about compression. */
export const COMPRESSION_ADVICE =
  'before any of its servers becomes 2.15, the steps of docs/upgrade-nats.md are needed'

const isOfCompression = ({ name }: SettingDifference): boolean => name === 'compression'

/**
 * Whether the ledger may be served with these differences. Streams of earlier builds are compressed, which is no fault
 * unless `server-policy.ts` refuses it. Such differences are reported, and do not keep a process from starting.
 */
export const isTolerable = (found: readonly SettingDifference[]): boolean => found.every(isOfCompression)

/** Settings that nats-server does not take back once they are on. */
const LASTING: ReadonlySet<string> = new Set([
  'allow_msg_ttl',
  'allow_msg_counter',
  'allow_msg_schedules',
  'persist_mode',
  'sealed',
])

/** The settings of a stream that differ and that nats-server does not take back, with their present values. */
export const lastingOf = (
  wanted: StreamSettings,
  actual: Readonly<Record<string, unknown>>,
): Record<string, unknown> =>
  Object.fromEntries(
    differencesOf(wanted, actual)
      .filter(({ name }) => LASTING.has(name))
      .map(({ name, is }) => [name, is]),
  )

/** The advice to a person about settings that differ. */
const adviceOn = (found: readonly SettingDifference[]): string => {
  const lasting = found.filter(({ name }) => LASTING.has(name)).map(({ name }) => name)
  if (lasting.length > 0)
    return `nats-server does not take ${lasting.join(', ')} back: back the stream up, and restore it with other settings (docs/recovery.md)`
  const advice = '"jetledger stream apply" changes it'
  return found.some(isOfCompression) ? `${advice}; ${COMPRESSION_ADVICE}` : advice
}

/** A sentence that says how the server's stream differs and what can be done; undefined when it does not differ. */
export const describeDifferences = (
  wanted: StreamSettings,
  actual: Readonly<Record<string, unknown>>,
): string | undefined => {
  const found = differencesOf(wanted, actual)
  return found.length === 0
    ? undefined
    : `stream ${wanted.name} differs in ${differences(wanted, actual).join('; ')} (${adviceOn(found)})`
}

/** The settings that an operator may choose: no value of them loses, changes or adds events. */
const OPERATIONAL: ReadonlySet<string> = new Set([
  'description',
  'metadata',
  'num_replicas',
  'max_bytes',
  'max_consumers',
  'duplicate_window',
  'consumer_limits',
  'max_msg_size',
  'compression',
])

/** Whether these differences of the ledger stream may make events vanish, change or appear by themselves. */
export const isDangerous = (found: readonly SettingDifference[]): boolean =>
  found.some(({ name }) => !OPERATIONAL.has(name))
