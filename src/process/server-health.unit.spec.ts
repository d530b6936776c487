import type { StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { describe, expect, it } from 'vitest'
import { createHealth } from '../health.js'
import { ledgerStream } from '../stream/settings.js'
import { judgeMembers, reportServers, SERVERS } from './server-health.js'

/** A stand-in for a connection: the code reads only the server's version from it. */
const connectedTo = (version: string) => ({ info: { version } }) as unknown as NatsConnection

const streamOf = (replicas: number, more: object = {}) =>
  ({ config: { ...ledgerStream({ replicas }), ...more } }) as unknown as StreamInfo

const seen = (...versions: string[]) => ({
  seen: versions.map((version, i) => ({ name: `nats-${i + 1}`, version })),
  unseen: [],
})

const settings = { replicas: 3 }

describe('the servers of a ledger', () => {
  it('are judged by every member, the one that is connected to, and the leader of the stream', () => {
    const judge = (own: string, members: readonly string[], leader: string) =>
      judgeMembers(
        { nc: connectedTo(own), settings },
        seen(...members),
        streamOf(3, { metadata: { '_nats.ver': leader } }),
      ).refusal
    expect(judge('2.15.1', ['2.15.1'], '2.15.1')).toBeUndefined()
    expect(judge('2.15.0', ['2.15.1'], '2.15.1')).toContain('2.15.0')
    expect(judge('2.15.1', ['2.15.1', '2.15.0'], '2.15.1')).toContain('2.15.0')
    expect(judge('2.15.1', ['2.15.1'], '2.15.0')).toContain('2.15.0')
  })

  it('are judged by the stream that is there, and without one by the one that is wanted', () => {
    const deps = { nc: connectedTo('2.15.0'), settings }
    expect(judgeMembers(deps, seen(), streamOf(1)).refusal).toBeUndefined()
    expect(judgeMembers(deps, seen(), undefined).refusal).toContain('2.15.0')
  })

  it.each([
    ['2.14.2', 'degraded', '2.14.3 is the least'],
    ['2.15.0', 'down', 'run 2.15.1 or later'],
    ['2.15.1', 'ok', ''],
  ])('%s with three replicas is %s in health', (version, state, text) => {
    const health = createHealth(() => undefined)
    reportServers({ nc: connectedTo(version), settings, health }, seen(version), streamOf(3))
    expect(health.read().parts[SERVERS]).toEqual({ state, detail: expect.stringContaining(text) })
  })
})
