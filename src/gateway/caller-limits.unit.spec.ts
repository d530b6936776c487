import { describe, expect, it } from 'vitest'
import { createCallerLimits } from './caller-limits.js'
import { createRateLimit } from './rate-limit.js'
import type { AuthorizedCaller } from './tokens.js'

const caller = (name: string, limits: Partial<AuthorizedCaller> = {}): AuthorizedCaller => ({
  name,
  by: `token:${name}`,
  scopes: ['read', 'write'],
  ...limits,
})
const NOON = Date.parse('2026-11-27T12:00:00Z')

describe("a token's day", () => {
  it('has its number of requests, also for the commands of batches, and begins anew at midnight (UTC)', () => {
    let now = NOON
    const limits = createCallerLimits(undefined, () => now)
    const shop = caller('shop', { requests_per_day: 5 })
    expect([limits.take(shop), limits.takeCommands(shop, 3)]).toEqual([undefined, undefined])
    expect(limits.take(shop)).toBeUndefined()
    const refused = limits.take(shop)
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', headers: { 'retry-after': String(12 * 3_600) } })
    expect(refused?.detail).toContain('the 5 requests')
    now = NOON + 12 * 3_600_000
    expect(limits.takeCommands(shop, 6)).toMatchObject({ code: 'RATE_LIMITED' })
    expect(limits.takeCommands(shop, 5)).toBeUndefined()
    expect(limits.take(shop)).toMatchObject({ code: 'RATE_LIMITED' })
  })

  it('is its own', () => {
    const limits = createCallerLimits(undefined, () => NOON)
    limits.take(caller('a', { requests_per_day: 1 }))
    expect(limits.take(caller('b', { requests_per_day: 1 }))).toBeUndefined()
    expect(limits.take(caller('c'))).toBeUndefined()
  })
})

describe("a token's rate", () => {
  it('counts in the place of that of all, also where all have none', () => {
    const limits = createCallerLimits(createRateLimit(0))
    const slow = caller('slow', { requests_per_second: 1 })
    expect([1, 2, 3].map(() => limits.take(slow)?.code)).toEqual([undefined, undefined, 'RATE_LIMITED'])
    expect([1, 2, 3].map(() => limits.take(caller('other'))?.code)).toEqual(Array(3).fill(undefined))
  })

  it('makes it wait for the commands of a batch, which are taken whole', () => {
    const limits = createCallerLimits(createRateLimit(1_000))
    const slow = caller('slow', { requests_per_second: 10 })
    expect([limits.take(slow), limits.takeCommands(slow, 119)]).toEqual([undefined, undefined])
    expect(limits.take(slow)?.headers).toEqual({ 'retry-after': '11' })
    const usual = caller('usual')
    limits.takeCommands(usual, 1_000_000)
    expect(limits.take(usual)).toBeUndefined()
  })
})
