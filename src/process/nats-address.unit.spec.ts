import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { E } from '../fp.js'
import { readAddresses } from './nats-address.js'

const shown = (text: string): unknown => {
  const read = readAddresses(text)
  if (E.isLeft(read)) return read.left
  const { urls, is_tls, login } = read.right
  const secrets =
    login === undefined ? [] : Object.values(login).map(part => (part instanceof Function ? part() : part))
  return [urls, is_tls, ...secrets]
}

it.each<readonly [string, readonly unknown[]]>([
  ['nats://a', [['nats://a'], false]],
  ['tls://a:4222, tls://b:5222', [['tls://a:4222', 'tls://b:5222'], true]],
  ['nats://[::1]:4222', [['nats://[::1]:4222'], false]],
  ['nats://ann:pw@a:4222', [['nats://a:4222'], false, 'user', 'ann', 'pw']],
  ['nats://ann:p%40%3A1@a', [['nats://a'], false, 'user', 'ann', 'p@:1']],
  ['tls://t0ken@a:4222', [['tls://a:4222'], true, 'token', 't0ken']],
  [
    'nats://ann:pw@a, nats://ann:pw@b, nats://c',
    [['nats://a', 'nats://b', 'nats://c'], false, 'user', 'ann', 'pw'],
  ],
])('%s is read, and its addresses hold no login', (text, read) => {
  expect(shown(text)).toEqual(read)
})

it.each([
  ['http://a', 'must be a URL that begins with nats:// or tls://'],
  ['a:4222', 'must be a URL'],
  ['nats://', 'must be a URL'],
  ['nats://a,', 'must be a URL'],
  ['wss://a', 'ws:// and wss:// are not spoken here'],
  ['tls://a, nats://b', 'nats:// and tls:// are mixed'],
  ['nats://ann:hunter2@a, nats://bob:hunter3@b', 'the addresses hold different logins'],
  ['nats://ann:hunter2%@a', 'a % in a login must be written as %25'],
])('%s is refused in a sentence that shows none of it', (text, sentence) => {
  expect(shown(text)).toContain(sentence)
  expect(shown(text)).not.toMatch(/hunter|ann/)
})

it('a login that is printed shows nothing', () => {
  const read = readAddresses('nats://ann:hunter2@a')
  for (const text of [inspect(read, { depth: 9 }), JSON.stringify(read), String(read)])
    expect(text).not.toMatch(/ann|hunter2/)
})
