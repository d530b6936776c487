import { describe, expect, it } from 'vitest'
import { catalogued, internalError } from './catalogue.js'
import { controlSubjects, infoResponse, pingResponse, statsResponse } from './protocol.js'

const identity = { name: 'customer', id: 'ABC', version: '0.1.0', metadata: { region: 'eu' } }

describe('the service protocol (ADR-32)', () => {
  it('has three control subjects per verb: all services, the name, the instance', () => {
    expect(controlSubjects('STATS', identity)).toEqual([
      '$SRV.STATS',
      '$SRV.STATS.customer',
      '$SRV.STATS.customer.ABC',
    ])
  })

  it('writes PING with the identity and its type, and nothing else', () => {
    expect(JSON.stringify(pingResponse(identity))).toBe(
      '{"type":"io.nats.micro.v1.ping_response","name":"customer","id":"ABC","version":"0.1.0","metadata":{"region":"eu"}}',
    )
  })

  it('writes INFO with the description and the endpoints', () => {
    const endpoint = { name: 'balance', subject: 'customer.balance', queue_group: 'q', metadata: { a: 'b' } }
    expect(JSON.stringify(infoResponse(identity, 'customer service', [endpoint]))).toBe(
      '{"type":"io.nats.micro.v1.info_response","name":"customer","id":"ABC","version":"0.1.0","metadata":{"region":"eu"},"description":"customer service","endpoints":[{"name":"balance","subject":"customer.balance","queue_group":"q","metadata":{"a":"b"}}]}',
    )
  })

  it('writes STATS with the start in UTC and the counters', () => {
    const endpoint = {
      name: 'balance',
      subject: 'customer.balance',
      queue_group: 'q',
      num_requests: 3,
      num_errors: 1,
      last_error: '403:BAD_REQUEST',
      processing_time: 10,
      average_processing_time: 3,
    }
    expect(statsResponse(identity, new Date(0), [endpoint])).toStrictEqual({
      type: 'io.nats.micro.v1.stats_response',
      ...identity,
      started: '1970-01-01T00:00:00.000Z',
      endpoints: [endpoint],
    })
  })
})

describe('a service error', () => {
  it('has a JSON body that names code and message', () => {
    expect(catalogued('BAD_REQUEST', { message: 'say "please"' }).body).toBe(
      '{"error":{"code":"BAD_REQUEST","message":"say \\"please\\""}}',
    )
  })

  it('carries a cause only when there is one', () => {
    expect(catalogued('BAD_REQUEST')).not.toHaveProperty('cause')
    expect(catalogued('UNAVAILABLE', {}, 'why')).toHaveProperty('cause', 'why')
  })

  it('never tells the caller the cause of an internal error, and always has one for the log', () => {
    expect(internalError(new Error('the password is 1234')).body).not.toContain('1234')
    expect(internalError(undefined).cause).toBeInstanceOf(Error)
  })
})
