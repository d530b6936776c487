/** Lists times for every endpoint that takes one, over NATS and over HTTP: all of them must answer alike. */

import { badRequest, either, type HttpInput, invalid, type RequestInput } from '../inputs.js'

const GOOD: readonly string[] = [
  '2026-11-21T10:00:00Z',
  '2026-11-21t10:00:00z',
  '2026-11-21T10:00:00.123456789Z',
  '2026-11-21T10:00:00+14:00',
  '2026-11-21T10:00:00-12:00',
  '2024-02-29T00:00:00Z',
  '1970-01-01T00:00:00Z',
  '2262-04-11T23:47:16Z',
]

const BAD: readonly string[] = [
  '2262-04-12T00:00:00Z',
  '2300-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '1969-12-31T23:59:59Z',
  '1970-01-01T00:00:00+00:01',
  '1677-09-21T00:12:43Z',
  '0000-01-01T00:00:00Z',
  '12026-11-21T10:00:00Z',
  '-000001-01-01T00:00:00Z',
  '2026-02-30T10:00:00Z',
  '2025-02-29T00:00:00Z',
  '2026-13-01T10:00:00Z',
  '2026-11-21T24:00:00Z',
  '2026-11-21T25:00:00Z',
  '2026-11-21T10:60:00Z',
  '2026-11-21T10:00:60Z',
  '2016-12-31T23:59:60Z',
  '2026-11-21T10:00:00',
  '2026-11-21 10:00:00Z',
  '2026-11-21T10:00Z',
  '2026-11-21',
  '2026-11-21T10:00:00.Z',
  '2026-11-21T10:00:00.1234567890Z',
  '2026-11-21T10:00:00,5Z',
  '2026-11-21T10:00:00+24:00',
  '2026-11-21T10:00:00+05:60',
  '2026-11-21T10:00:00+0500',
  '2026-11-21T10:00:00 02:00',
  '2026-11-21T10:00:00Z\u0000',
  '2026-11-21T10:00:00Z\n',
  ' 2026-11-21T10:00:00Z',
  '1763719200',
  'now',
  '',
  '9'.repeat(3_000),
]

const FIELDS = [
  ['balance', 'as_of'],
  ['statement', 'from'],
  ['statement', 'to'],
] as const

/** A valid time may lie in the future, which the stream has not reached. */
const GOOD_ANSWER = either('NOT_REACHED')

export const TIMES: readonly RequestInput[] = FIELDS.flatMap(([endpoint, field]) => {
  const request = (value: string, gives: RequestInput['gives']): RequestInput => ({
    name: `time: ${endpoint} ${field} ${value.slice(0, 80)}`,
    subject: `customer.${endpoint}`,
    body: `{"client_id":"1","${field}":${value}}`,
    gives,
  })
  return [
    ...GOOD.map(text => request(JSON.stringify(text), GOOD_ANSWER)),
    ...BAD.map(text => request(JSON.stringify(text), invalid(field))),
    ...['1763719200', 'null', 'true', '{}', '["2026-11-21T10:00:00Z"]'].map(value =>
      request(value, invalid(field)),
    ),
  ]
})

export const HTTP_TIMES: readonly HttpInput[] = FIELDS.flatMap(([endpoint, field]) => {
  const request = (text: string, gives: HttpInput['gives']): HttpInput => ({
    name: `HTTP time: ${endpoint} ${field} ${text.slice(0, 80)}`,
    target: `/v1/customers/1/${endpoint}?${field}=${encodeURIComponent(text)}`,
    gives,
  })
  return [
    ...GOOD.map(text => request(text, { status: [200, 409] })),
    ...BAD.map(text => request(text, badRequest(field))),
    {
      name: `HTTP time: ${endpoint} ${field} with a plus that is not encoded`,
      target: `/v1/customers/1/${endpoint}?${field}=2026-11-21T10:00:00+02:00`,
      gives: badRequest(field, '%2B'),
    },
  ]
})
