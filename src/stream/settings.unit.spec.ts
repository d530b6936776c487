import { describe, expect, it } from 'vitest'
import {
  configStream,
  deadLetterStream,
  describeDifferences,
  differences,
  differencesOf,
  isDangerous,
  isTolerable,
  ledgerStream,
} from './settings.js'

const wanted = ledgerStream({ replicas: 1 })

/** As nats-server 2.15 answers for a stream that was made with these settings; 2.14 leaves out the same ones. */
const actual: Readonly<Record<string, unknown>> = {
  ...wanted,
  mirror_direct: false,
  sealed: false,
  consumer_limits: {},
  allow_msg_ttl: false,
  placement: { cluster: 'east' },
  metadata: { '_nats.level': '5', '_nats.req.level': '2', '_nats.ver': '2.15.2' },
  // never sent by a server when it is off
  no_ack: undefined,
  allow_msg_counter: undefined,
}

/** Every setting of nats-server 2.14 and 2.15 with a value that is not ours. */
const OTHERS: Readonly<Record<string, unknown>> = {
  description: 'mine',
  subjects: ['customer.balance.>', 'more.>'],
  retention: 'workqueue',
  max_consumers: 5,
  max_msgs: 1,
  max_bytes: 1,
  max_age: 1,
  max_msgs_per_subject: 1,
  max_msg_size: -1,
  discard: 'old',
  discard_new_per_subject: true,
  storage: 'memory',
  num_replicas: 3,
  no_ack: true,
  template_owner: 'x',
  duplicate_window: 1,
  mirror: { name: 'x' },
  sources: [{ name: 'x' }],
  compression: 's2',
  first_seq: 7,
  subject_transform: { src: '>', dest: 'x.>' },
  republish: { src: 'customer.balance.>', dest: 'leak.>' },
  allow_direct: false,
  mirror_direct: true,
  sealed: true,
  deny_delete: false,
  deny_purge: false,
  allow_rollup_hdrs: true,
  consumer_limits: { max_ack_pending: 1 },
  allow_msg_ttl: true,
  subject_delete_marker_ttl: 1_000_000_000,
  allow_msg_counter: true,
  allow_atomic: false,
  allow_msg_schedules: true,
  allow_batched: true,
  persist_mode: 'async',
  metadata: { owner: 'me' },
}

describe('the settings of a stream', () => {
  it('are as they should be whether a server sends what is off or leaves it out', () => {
    expect(differences(wanted, actual)).toEqual([])
    expect(differences(wanted, { ...actual, no_ack: false, persist_mode: 'default', sources: [] })).toEqual(
      [],
    )
  })

  it.each(Object.entries(OTHERS))('differ in %s', (name, value) => {
    expect(differencesOf(wanted, { ...actual, [name]: value })).toMatchObject([{ name, is: value }])
  })

  it('differ in a setting that this program does not know, unless it is off', () => {
    expect(differences(wanted, { ...actual, allow_forgetting: true })).toEqual([
      'allow_forgetting: is true, should be not set',
    ])
    expect(differences(wanted, { ...actual, allow_forgetting: false, other: null, more: [] })).toEqual([])
  })

  it('are read from the answer itself and not from its prototype', () => {
    const odd = Object.assign(Object.create({ allow_msg_ttl: true }), actual, { allow_msg_ttl: false })
    expect(differences(wanted, odd)).toEqual([])
    expect(differences(wanted, { ...actual, constructor: 'x' })).toHaveLength(1)
  })

  it('are dangerous when events may vanish, change or appear by them', () => {
    const found = (name: string) => differencesOf(wanted, { ...actual, [name]: OTHERS[name] })
    for (const name of ['allow_msg_ttl', 'max_age', 'deny_delete', 'republish', 'sources', 'retention'])
      expect(isDangerous(found(name))).toBe(true)
    for (const name of ['description', 'num_replicas', 'metadata'])
      expect(isDangerous(found(name))).toBe(false)
    expect(isDangerous(differencesOf(wanted, { ...actual, allow_forgetting: true }))).toBe(true)
  })

  it('are tolerable when nothing but the compression differs: it is told of with what to do', () => {
    const compressed = { ...actual, compression: 's2' }
    expect(isTolerable(differencesOf(wanted, compressed))).toBe(true)
    expect(isDangerous(differencesOf(wanted, compressed))).toBe(false)
    expect(describeDifferences(wanted, compressed)).toContain('compression: is "s2", should be "none"')
    expect(describeDifferences(wanted, compressed)).toContain('docs/upgrade-nats.md')
    expect(isTolerable(differencesOf(wanted, { ...compressed, max_age: 1 }))).toBe(false)
    expect(isTolerable(differencesOf(wanted, { ...actual, description: 'mine' }))).toBe(false)
  })

  it('state no compression of any stream', () => {
    for (const each of [wanted, deadLetterStream({ replicas: 3 }), configStream({ replicas: 3 })])
      expect(each.compression).toBe('none')
  })

  it('are stated for the dead letters and the bucket as well', () => {
    for (const each of [deadLetterStream({ replicas: 1 }), configStream({ replicas: 1 })]) {
      expect(differences(each, { ...each, allow_msg_ttl: true })).toEqual([
        'allow_msg_ttl: is true, should be false',
      ])
    }
  })
})
