import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createHistogram } from './histogram.js'
import type { Measured, Result } from './job.js'
import { measure } from './pace.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const WINDOW = { warm_up_ms: 100, measure_ms: 1_000 }
const ACCEPTED: Result = { accepted: 1 }

const after = (ms: number, result = ACCEPTED): Promise<Result> =>
  new Promise(resolve => setTimeout(() => resolve(result), ms))

const finished = async (running: Promise<Measured>, within_ms = 20_000): Promise<Measured> => {
  await vi.advanceTimersByTimeAsync(within_ms)
  return running
}

const percentile_ms = ({ latencies }: Measured, percent: number): number => {
  const histogram = createHistogram()
  histogram.merge(latencies)
  return (histogram.percentile_us(percent) ?? Number.NaN) / 1_000
}

it('full speed keeps as many in flight as it is told, and counts what is answered after the warm-up', async () => {
  let now = 0
  let most = 0
  const operation = async (): Promise<Result> => {
    now += 1
    most = Math.max(most, now)
    const result = await after(10)
    now -= 1
    return result
  }
  const measured = await finished(measure(operation, { ...WINDOW, pace: { kind: 'full', in_flight: 5 } }))
  expect(most).toBe(5)
  expect(measured.accepted).toBeCloseTo(5 * 100, 6)
  expect(percentile_ms(measured, 50)).toBeCloseTo(10, 0)
})

it('at full speed a request that is partly in the window counts in part', async () => {
  const batch: Result = { accepted: 1_000 }
  const measured = await finished(
    measure(() => after(300, batch), { ...WINDOW, pace: { kind: 'full', in_flight: 2 } }),
  )
  // answered at 300, 600, 900 and 1,200 ms; the window is from 100 to 1,100 ms
  expect(measured.accepted).toBeCloseTo(2 * 1_000 * (1_000 / 300), 6)
  expect(measured.requests).toBeCloseTo(2 * (1_000 / 300), 6)
  expect(measured.latencies.counts).toEqual([[expect.any(Number), 6]])
})

it('a given rate does not wait for answers', async () => {
  const measured = await finished(
    measure(() => after(500), { ...WINDOW, pace: { kind: 'paced', requests_per_s: 200 } }),
  )
  expect(measured.accepted).toBe(200)
  expect(percentile_ms(measured, 50)).toBeGreaterThanOrEqual(500)
  expect(percentile_ms(measured, 100)).toBeLessThan(510)
})

it('clients side by side send in turn, also where each sends only a few', async () => {
  const began_ms = performance.now()
  const sent_ms: number[] = []
  const operation = (): Promise<Result> => {
    sent_ms.push(Math.round(performance.now() - began_ms))
    return after(1)
  }
  const client = (phase: number) =>
    measure(operation, { ...WINDOW, pace: { kind: 'paced', requests_per_s: 2, phase } })
  const [one, other] = [client(0), client(0.5)]
  await vi.advanceTimersByTimeAsync(5_000)
  expect(sent_ms.toSorted((a, b) => a - b)).toEqual(
    [0, 250, 500, 750, 1_000].map(ms => expect.closeTo(ms, -1)),
  )
  expect((await one).accepted + (await other).accepted).toBe(4)
})

it('a stall counts for every request that was due in it, not for one', async () => {
  const began_ms = performance.now()
  // no request is answered from 300 to 800 ms, which is half of the window
  const operation = (): Promise<Result> => {
    const at_ms = performance.now() - began_ms
    return after(at_ms >= 300 && at_ms < 800 ? 800 - at_ms : 1)
  }
  const measured = await finished(
    measure(operation, { ...WINDOW, pace: { kind: 'paced', requests_per_s: 100 } }),
  )
  expect(measured.accepted).toBe(100)
  expect(percentile_ms(measured, 45)).toBeLessThan(5)
  expect(percentile_ms(measured, 75)).toBeGreaterThan(200)
})

it('what was sent late is late: the latency is that since it was due', async () => {
  // a real clock, because a blocked process makes the requests late
  vi.useRealTimers()
  let sent = 0
  const operation = async (): Promise<Result> => {
    sent += 1
    const until_ms = performance.now() + (sent === 5 ? 200 : 0)
    while (performance.now() < until_ms);
    return ACCEPTED
  }
  const pace = { kind: 'paced', requests_per_s: 100 } as const
  const measured = await measure(operation, { warm_up_ms: 0, measure_ms: 300, pace })
  expect(measured.accepted).toBe(30)
  // the block of 200 ms delays 20 requests, and the first half of them by at least 90 ms
  expect(percentile_ms(measured, 70)).toBeGreaterThanOrEqual(90)
})

it('refusals are counted by code and their latencies are not', async () => {
  let sent = 0
  const operation = (): Promise<Result> => {
    sent += 1
    return sent % 2 === 0 ? after(1, { accepted: 0, errors: { BUSY: 1 } }) : after(50)
  }
  const measured = await finished(
    measure(operation, { ...WINDOW, pace: { kind: 'paced', requests_per_s: 100 } }),
  )
  expect(measured).toMatchObject({ accepted: 50, errors: { BUSY: 50 } })
  expect(percentile_ms(measured, 1)).toBeGreaterThanOrEqual(50)
})

it('what could not be sent, because too many answers are missing, is counted', async () => {
  const late = after(15_000)
  const never = (): Promise<Result> => late
  const measured = await finished(
    measure(never, { ...WINDOW, pace: { kind: 'paced', requests_per_s: 10_000 } }),
    40_000,
  )
  expect(measured.errors).toEqual({ NOT_SENT: 6_000 })
})
