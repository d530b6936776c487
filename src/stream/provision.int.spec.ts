// has a server of its own: it changes the settings of the streams
import { StoreCompression } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { announceVersion } from '../../test/support/announced-nats.js'
import { startConfiguredNats } from '../../test/support/configured-nats.js'
import { left, right } from '../../test/support/ledger.js'
import { startTestNats, type TestNats } from '../../test/support/servers.js'
import { applySettings, manager, provision, streamInfo } from './provision.js'
import { publish } from './publish.js'
import { readRange } from './read.js'
import { allSettings, CONFIG_BUCKET, DEAD_LETTER_STREAM, differences, LEDGER_STREAM } from './settings.js'

let nats: TestNats
let nc: NatsConnection

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
})

afterAll(async () => {
  await nc.close()
  await nats.stop()
})

describe('the streams', () => {
  it('are made once by instances that start together', async () => {
    await Promise.all([1, 2, 3].map(() => right(provision(nc, { replicas: 1 }))))
    const { config } = await right(streamInfo(nc, LEDGER_STREAM))
    expect(config).toMatchObject({
      subjects: ['customer.balance.>'],
      storage: 'file',
      retention: 'limits',
      discard: 'new',
      max_age: 0,
      max_msgs_per_subject: -1,
      max_bytes: -1,
      deny_delete: true,
      deny_purge: true,
      allow_atomic: true,
      allow_direct: true,
      compression: 'none',
      num_replicas: 1,
      duplicate_window: 120_000_000_000,
    })
  })

  it('of an earlier build, which are compressed, are served, and "stream apply" ends it on a single server', async () => {
    const jsm = await right(manager(nc))
    for (const name of [LEDGER_STREAM, DEAD_LETTER_STREAM])
      await jsm.streams.update(name, { compression: StoreCompression.S2 })
    await right(provision(nc, { replicas: 1 }))
    expect((await jsm.streams.info(LEDGER_STREAM)).config.compression).toBe('s2')
    await right(applySettings(nc, { replicas: 1 }))
    for (const name of [LEDGER_STREAM, DEAD_LETTER_STREAM])
      expect((await jsm.streams.info(name)).config.compression).toBe('none')
  })

  it('let nothing be deleted or purged from the ledger', async () => {
    const jsm = await right(manager(nc))
    await expect(jsm.streams.purge(LEDGER_STREAM)).rejects.toThrow(/purge/)
    await expect(jsm.streams.deleteMessage(LEDGER_STREAM, 1)).rejects.toThrow(/delete/)
  })

  it('that differ are named with each setting, and not touched', async () => {
    const jsm = await right(manager(nc))
    await jsm.streams.update(DEAD_LETTER_STREAM, { max_bytes: 1_000_000, description: 'mine' })
    const error = await left(provision(nc, { replicas: 1 }))
    expect(error.tag).toBe('SettingsDiffer')
    expect(error.message).toContain(`stream ${DEAD_LETTER_STREAM} differs in`)
    expect(error.message).toContain('max_bytes: is 1000000, should be -1')
    expect(error.message).toContain('jetledger stream apply')
  })

  it('are as they should be after "stream apply"', async () => {
    await right(applySettings(nc, { replicas: 1 }))
    await right(provision(nc, { replicas: 1 }))
  })

  it('and the bucket, as the server answers for them, differ in nothing', async () => {
    for (const wanted of allSettings({ replicas: 1 })) {
      const { config } = await right(streamInfo(nc, wanted.name))
      expect(differences(wanted, config as unknown as Record<string, unknown>)).toEqual([])
    }
  })

  it('and the bucket are changed back by "stream apply" in what was switched on by hand', async () => {
    const jsm = await right(manager(nc))
    const republish = { src: 'customer.balance.>', dest: 'leak.>' }
    await jsm.streams.update(LEDGER_STREAM, { republish, metadata: { owner: 'me' } })
    await jsm.streams.update('KV_config', { max_age: 3_600_000_000_000, description: 'mine' })
    const error = await left(provision(nc, { replicas: 1 }))
    expect(error.message).toContain(
      'republish: is {"src":"customer.balance.>","dest":"leak.>"}, should be not set',
    )
    expect(error.message).toContain('metadata: is {"owner":"me"}, should be')
    await right(applySettings(nc, { replicas: 1 }))
    await right(provision(nc, { replicas: 1 }))
    for (const wanted of allSettings({ replicas: 1 })) {
      const { config } = await right(streamInfo(nc, wanted.name))
      expect(differences(wanted, config as unknown as Record<string, unknown>)).toEqual([])
    }
  })

  it('refuse new events at a byte limit, with an error that says so, and drop nothing', async () => {
    await right(applySettings(nc, { replicas: 1, bytes_max: 4_096 }))
    const { publish } = await import('./publish.js')
    const message = { subject: 'customer.balance.full', body: 'x'.repeat(1_500) }
    await right(publish(nc, message, 5_000))
    await right(publish(nc, message, 5_000))
    expect(await left(publish(nc, message, 5_000))).toMatchObject({ tag: 'StreamFull' })
    expect((await right(streamInfo(nc, LEDGER_STREAM))).state.messages).toBe(2)
  })
})

describe('a setting that nats-server does not take back', () => {
  it('is named with the way out, and "stream apply" changes everything else back', async () => {
    const server = await startConfiguredNats('jetstream { store_dir: "$STORE" }')
    const connection = await connect({ servers: server.url })
    await right(provision(connection, { replicas: 1 }))
    const jsm = await right(manager(connection))
    await jsm.streams.update(LEDGER_STREAM, { allow_msg_ttl: true, description: 'mine' })
    await jsm.streams.update(DEAD_LETTER_STREAM, { description: 'mine' })
    const error = await left(provision(connection, { replicas: 1 }))
    expect(error.message).toContain('nats-server does not take allow_msg_ttl back')
    expect(await left(applySettings(connection, { replicas: 1 }))).toMatchObject({
      tag: 'SettingsDiffer',
      message: expect.stringContaining('docs/recovery.md'),
    })
    for (const wanted of allSettings({ replicas: 1 })) {
      const { config } = await right(streamInfo(connection, wanted.name))
      const said = differences(wanted, config as unknown as Record<string, unknown>)
      expect(said).toEqual(wanted.name === LEDGER_STREAM ? ['allow_msg_ttl: is true, should be false'] : [])
    }
    await connection.close()
    await server.stop()
  })
})

describe('a server that is known to lose events', () => {
  const through = async <A>(
    version: string,
    work: (connection: NatsConnection) => Promise<A>,
  ): Promise<A> => {
    const announced = await announceVersion(nats.url, version)
    const connection = await connect({ servers: announced.url })
    try {
      return await work(connection)
    } finally {
      await connection.close()
      await announced.stop()
    }
  }

  it('gets no streams of several replicas, nor more replicas, and is named with the way out', async () => {
    const refusal = { tag: 'SettingsDiffer', message: expect.stringContaining('nats-server 2.15.0') }
    await through('2.15.0', async connection => {
      const jsm = await right(manager(connection))
      for (const { name } of allSettings({ replicas: 3 })) await jsm.streams.delete(name)
      expect(await left(provision(connection, { replicas: 3 }))).toMatchObject(refusal)
      expect(await left(applySettings(connection, { replicas: 3 }))).toMatchObject(refusal)
      await expect(jsm.streams.info(LEDGER_STREAM)).rejects.toThrow('stream not found')
      await right(provision(connection, { replicas: 1 }))
      expect(await left(applySettings(connection, { replicas: 3 }))).toMatchObject(refusal)
      expect((await jsm.streams.info(LEDGER_STREAM)).config.num_replicas).toBe(1)
    })
  })

  it('leaves a compressed stream compressed where it is to get replicas', async () => {
    const jsm = await right(manager(nc))
    await jsm.streams.update(LEDGER_STREAM, { compression: StoreCompression.S2 })
    await through('2.15.2', async connection => {
      expect((await left(applySettings(connection, { replicas: 3 }))).message).toContain(
        'makes replicas of a compressed stream unreadable',
      )
      expect((await jsm.streams.info(LEDGER_STREAM)).config.compression).toBe('s2')
      await right(applySettings(connection, { replicas: 1 }))
    })
    expect((await jsm.streams.info(LEDGER_STREAM)).config.compression).toBe('none')
  })
})

describe('a user who may hear one inbox only', () => {
  it('makes the streams, publishes, and reads a range', async () => {
    const server = await startConfiguredNats(
      `jetstream { store_dir: "$STORE" }
no_auth_user: one
authorization { users: [ { user: one, password: x, permissions: { publish: ">", subscribe: "_INBOX.one.>" } } ] }`,
      { inboxPrefix: '_INBOX.one' },
    )
    const connection = await connect({ servers: server.url, inboxPrefix: '_INBOX.one' })
    const kv = await right(provision(connection, { replicas: 1 }))
    await kv.put('seed', 'done')
    expect((await kv.get('seed'))?.string()).toBe('done')
    const subject = 'customer.balance.678'
    for (const body of ['1', '2', '3'])
      await right(publish(connection, { subject, body, msg_id: body }, 2_000))
    const range = { stream: LEDGER_STREAM, subject, from_seq: 1, to_seq: 3 }
    const bodies: string[] = []
    for await (const { body } of readRange(connection, range)) bodies.push(new TextDecoder().decode(body))
    expect(bodies).toEqual(['1', '2', '3'])
    await connection.close()
    await server.stop()
  })
})

describe('a server that allows less', () => {
  const start = async (limits: string) => {
    const server = await startConfiguredNats(`jetstream { store_dir: "$STORE" }\n${limits}`)
    return { server, connection: await connect({ servers: server.url }) }
  }

  it('is told of when it takes no message as large as an event', async () => {
    const { server, connection } = await start('max_payload: 32KB')
    const error = await left(provision(connection, { replicas: 1 }))
    expect(error.message).toContain('max_payload')
    await connection.close()
    await server.stop()
  })

  it('is told of when its account wants limits, and is content with those that follow from one variable', async () => {
    const limits =
      'accounts { A { users [{user: a}], jetstream { max_bytes_required: true } } }\nno_auth_user: a'
    const { server, connection } = await start(limits)
    const error = await left(provision(connection, { replicas: 1 }))
    expect(error.message).toContain('JETLEDGER_STREAM_BYTES_MAX')
    expect(error.tag).toBe('SettingsDiffer')
    await right(provision(connection, { replicas: 1, bytes_max: 400 * 1024 * 1024 }))
    const jsm = await right(manager(connection))
    const bytesOf = async (name: string) => (await jsm.streams.info(name)).config.max_bytes
    expect(await bytesOf(DEAD_LETTER_STREAM)).toBe(40 * 1024 * 1024)
    expect(await bytesOf(`KV_${CONFIG_BUCKET}`)).toBe(16 * 1024 * 1024)
    await connection.close()
    await server.stop()
  })
})
