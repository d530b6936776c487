/**
 * The settings of every stream and bucket, in one place, every option that matters stated.
 *
 * The ledger is the truth for ever, so nothing may age out, be discarded, deleted or purged (docs/adr/0001).
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

/** A message with headers and metadata stays far under this; it bounds what a reader must hold. */
const MSG_SIZE_BYTES_MAX = 64 * 1024
const DUPLICATE_WINDOW_MS = 120_000

export type StreamSettings = Partial<StreamConfig> & { readonly name: string; readonly subjects: string[] }

export type SettingsOptions = {
  /** 3 in production, 1 on a single embedded server. */
  readonly replicas: number
  /** Optional limit of the ledger stream; beyond it new events are refused, never old ones dropped. */
  readonly bytes_max?: number
}

const keepForever = {
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
  compression: StoreCompression.S2,
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
 * The stream of events that have no effect, with their reasons. They may be discarded by a person once dealt with,
 * so deleting is allowed here; a letter holds its event whole under longer header names, so it may be larger.
 */
export const deadLetterStream = ({ replicas }: SettingsOptions): StreamSettings => ({
  ...keepForever,
  name: DEAD_LETTER_STREAM,
  description: 'Jetledger: events that have no effect, and why',
  subjects: [`${DEAD_LETTER_PREFIX}>`],
  num_replicas: replicas,
  max_msg_size: 4 * MSG_SIZE_BYTES_MAX,
  deny_delete: false,
})

/** Options of the KV bucket `config`. */
export const configBucket = ({ replicas }: SettingsOptions) => ({
  replicas,
  storage: StorageType.File,
  history: 1,
  description: 'Jetledger: seed state, active generations, parked customers',
})

/** `name: is X, should be Y` for every stated setting in which the server's stream differs. */
export const differences = (wanted: StreamSettings, actual: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(wanted)
    .filter(([name, value]) => JSON.stringify(actual[name]) !== JSON.stringify(value))
    .map(([name, value]) => `${name}: is ${JSON.stringify(actual[name])}, should be ${JSON.stringify(value)}`)
