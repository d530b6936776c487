import { expect, it } from 'vitest'
import { readAnswer } from './http-answer.js'

const ANSWER =
  'HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nContent-Length: 15\r\n\r\n{"name":"Löwe"}'

it('an answer is read when its last byte has come, and not before', () => {
  const bytes = Buffer.from(ANSWER.replace('15', '16'))
  for (let end = 0; end < bytes.length; end += 1) expect(readAnswer(bytes.subarray(0, end))).toBeUndefined()
  expect(readAnswer(bytes)).toEqual({ status: 201, body: '{"name":"Löwe"}', is_last: false })
})

it('an answer that closes the connection says so', () => {
  const bytes = Buffer.from(
    'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  )
  expect(readAnswer(bytes)).toEqual({ status: 503, body: '', is_last: true })
})

it.each([
  'SSH-2.0-OpenSSH\r\n\r\n',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n',
])('%j is no answer that can be read', text => {
  expect(() => readAnswer(Buffer.from(text))).toThrow('HTTP_NO_ANSWER')
})
