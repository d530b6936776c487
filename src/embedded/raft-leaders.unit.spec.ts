import { expect, it } from 'vitest'
import { hasAllLeaders } from './raft-leaders.js'

const state = (meta?: string, stream?: string, consumer?: string): string =>
  JSON.stringify({
    meta_cluster: { leader: meta },
    account_details: [
      {
        stream_detail: [
          { cluster: { leader: stream }, consumer_detail: [{ cluster: { leader: consumer } }] },
        ],
      },
    ],
  })

it('all have leaders when the meta group, each stream and each consumer has one', () => {
  expect(hasAllLeaders(state('nats-1', 'nats-2', 'nats-3'))).toBe(true)
  expect(hasAllLeaders(JSON.stringify({ meta_cluster: { leader: 'nats-1' } }))).toBe(true)
})

it('one missing leader is enough to wait', () => {
  expect(hasAllLeaders(state(undefined, 'nats-2', 'nats-3'))).toBe(false)
  expect(hasAllLeaders(state('nats-1', undefined, 'nats-3'))).toBe(false)
  expect(hasAllLeaders(state('nats-1', 'nats-2', undefined))).toBe(false)
  expect(hasAllLeaders('{}')).toBe(false)
})
