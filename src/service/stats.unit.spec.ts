import { describe, expect, it } from 'vitest'
import { createCounters } from './stats.js'

describe('the counters of an endpoint', () => {
  it('start at zero with an empty last error', () => {
    expect(createCounters().counts()).toStrictEqual({
      num_requests: 0,
      num_errors: 0,
      last_error: '',
      processing_time: 0,
      average_processing_time: 0,
    })
  })

  it('count every request, errors too, and keep the last error as <status>:<code>', () => {
    const counters = createCounters()
    for (const error of [
      undefined,
      { status: 403, code: 'BAD_REQUEST' },
      { status: 429, code: 'BUSY' },
      undefined,
    ]) {
      counters.countRequest()
      counters.countReply(1n, error)
    }
    expect(counters.counts()).toMatchObject({ num_requests: 4, num_errors: 2, last_error: '429:BUSY' })
  })

  it('add up nanoseconds and truncate the average to a whole number', () => {
    const counters = createCounters()
    for (const elapsed_ns of [5n, 5n, 1n]) {
      counters.countRequest()
      counters.countReply(elapsed_ns)
    }
    expect(counters.counts()).toMatchObject({ processing_time: 11, average_processing_time: 3 })
  })

  it('count a request from its arrival on, before it is answered', () => {
    const counters = createCounters()
    counters.countRequest()
    expect(counters.counts()).toMatchObject({ num_requests: 1, processing_time: 0 })
  })

  it('lose nothing where a sum of doubles would', () => {
    const counters = createCounters()
    counters.countReply(2n ** 53n)
    for (let i = 0; i < 1_000; i += 1) counters.countReply(1n)
    expect(counters.counts().processing_time).toBe(2 ** 53 + 1_000)
  })
})
