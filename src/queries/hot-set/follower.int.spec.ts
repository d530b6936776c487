import { connect, type NatsConnection } from 'nats'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { right } from '../../../test/support/ledger.js'
import { dieWithout } from '../../../test/support/part-of-batch.js'
import { startTestNats, type TestNats, until } from '../../../test/support/servers.js'
import { createHealth } from '../../health.js'
import { manager, provision } from '../../stream/provision.js'
import { publish } from '../../stream/publish.js'
import { LEDGER_STREAM } from '../../stream/settings.js'
import { createTablesClient } from '../../tables/client.js'
import { type Follower, startFollower } from './follower.js'

let nats: TestNats
let nc: NatsConnection
let follower: Follower
let seen: string[]
let restarted_at: number[]
let seen_before_restart: number
let follow: ((seq: number) => void) | undefined

/** Each test has a server and a connection of its own, because the tests harm the server. */
beforeEach(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 20 })
  await right(provision(nc, { replicas: 1 }))
  const jsm = await right(manager(nc))
  let position = 0
  ;[seen, restarted_at] = [[], []]
  follow = undefined
  const tables = createTablesClient({ region: 'local' })
  const unused = () => {
    throw new Error('a follower reads no table and no clock, and proves nothing')
  }
  const log = pino({ level: 'silent' })
  follower = startFollower(
    {
      nc,
      jsm,
      tables,
      log,
      health: createHealth(() => undefined),
      active: unused,
      activeWhole: unused,
      prove: unused,
      open: unused,
      now: unused,
    },
    {
      position: () => position,
      follow: ({ seq }, id, decoded) => {
        follow?.(seq)
        position = seq
        seen.push(`${seq} ${id} ${decoded.tag}`)
      },
      restart: to => {
        position = to
        restarted_at.push(to)
        seen_before_restart = seen.length
      },
    },
  )
  await until(() => restarted_at.length === 1, { deadline_ms: 30_000, what: 'the follower to begin' })
})

afterEach(async () => {
  await follower.stop()
  await nc.close()
  await nats.stop()
})

const emit = (id: string, body: string): Promise<{ seq: number }> =>
  until(() => right(publish(nc, { subject: `customer.balance.${id}`, body }, 1_000)), {
    deadline_ms: 30_000,
    what: 'an event to be stored',
  })

/** Stores events, and waits until the follower has the last of them. */
const emitSome = async (events: number): Promise<void> => {
  let last = 0
  for (let i = 0; i < events; i += 1) last = (await emit(`c${i % 3}`, '{"type":"credit","amount":1}')).seq
  await until(() => seen.at(-1)?.startsWith(`${last} `), { deadline_ms: 30_000, what: `event ${last}` })
}

const expectNoGap = async (): Promise<void> => {
  const { state } = await (await right(manager(nc))).streams.info(LEDGER_STREAM)
  expect(seen.map(line => Number(line.split(' ')[0]))).toEqual(
    Array.from({ length: state.last_seq }, (_, i) => i + 1),
  )
}

describe('the follower', () => {
  it('goes on behind an event at which our own code throws, with nothing in memory that may miss it', async () => {
    await emitSome(2)
    follow = seq => {
      if (seq === 3) throw new Error('a fault of this program')
    }
    await emit('struck', '{"type":"credit","amount":1}')
    await emitSome(2)
    expect(restarted_at).toEqual([0, 3])
    expect(seen.map(line => line.split(' ')[0])).toEqual(['1', '2', '4', '5'])
  })

  it('sees every event once and in order, whatever it is', async () => {
    await emitSome(5)
    await emit('c0', 'no json')
    await emit('two.tokens', '{"type":"credit","amount":1}')
    await emit('c0', '{"schema":9,"type":"credit","amount":1}')
    await emitSome(1)
    expect(seen.slice(5, 8)).toEqual(['6 c0 malformed', '7 undefined malformed', '8 c0 future'])
    await expectNoGap()
  })

  it('goes on where it was in a new life, and makes no consumer', async () => {
    await emitSome(20)
    follower.renew()
    await emitSome(20)
    await expectNoGap()
    expect(restarted_at).toEqual([0])
    expect(await (await right(manager(nc))).consumers.list(LEDGER_STREAM).next()).toEqual([])
    expect(await follower.confirm()).toBe(true)
  })

  it('begins anew in a stream that was set back, and has grown since beyond what was followed', async () => {
    await emitSome(5)
    await dieWithout(nats, nc, () => emitSome(3))
    let last = 0
    for (let i = 0; i < 6; i += 1) last = (await emit('other', '{"type":"credit","amount":7}')).seq
    expect(last).toBe(11)
    await until(() => restarted_at.length === 2, { deadline_ms: 30_000, what: 'the follower to begin anew' })
    await emitSome(3)
    const [, restarted = 0] = restarted_at
    expect(restarted).toBeGreaterThanOrEqual(5)
    expect(seen.slice(seen_before_restart).map(line => Number(line.split(' ')[0]))).toEqual(
      Array.from({ length: 14 - restarted }, (_, i) => restarted + 1 + i),
    )
  })

  it('goes on where it was when the server is killed', async () => {
    await emitSome(20)
    process.kill(nats.pid, 'SIGKILL')
    await emitSome(20)
    await expectNoGap()
    expect(restarted_at).toEqual([0])
  })
})
