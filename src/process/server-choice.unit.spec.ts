import { beforeEach, expect, it } from 'vitest'
import { createServerChoice, type ServerChoice } from './server-choice.js'

let now_ms: number
let choice: ServerChoice
beforeEach(() => {
  now_ms = 1_000
  choice = createServerChoice(() => now_ms)
})

const server = (listen: string, lastConnect = 0) => ({
  hostname: listen,
  port: 4222,
  listen,
  src: listen,
  tlsName: '',
  reconnects: 0,
  lastConnect,
  gossiped: false,
  didConnect: true,
})

const choose = (...names: readonly (string | readonly [string, number])[]): string | undefined => {
  const pool = names.map(name => (typeof name === 'string' ? server(name) : server(...name)))
  const chosen = choice.choose(pool, null)
  return chosen !== null && 'listen' in chosen ? chosen.listen : undefined
}

it('leaves the choice to the client while no server was left', () => {
  expect(choose('a', 'b', 'c')).toBeUndefined()
  expect(choose()).toBeUndefined()
})

it('goes to the server that another one was left for, once', () => {
  choice.leave('a', 'c')
  expect(choose('b', 'c', 'a')).toBe('c')
  expect(choose('b', 'c', 'a')).toBeUndefined()
})

it('does not come back to a server for 30 s, and tries the others in turn', () => {
  choice.leave('a', 'gone')
  expect(choose('a', ['b', 20], ['c', 10])).toBe('c')
  expect(choose('a', ['b', 20], ['c', 30])).toBe('b')
  now_ms += 29_999
  expect(choose('a', 'b')).toBe('b')
  now_ms += 1
  expect(choose('a', 'b')).toBeUndefined()
})

it('comes back to a server when there is no other one, or when it is the better one again', () => {
  choice.leave('a', 'b')
  expect(choose('a')).toBeUndefined()
  choice.leave('b', 'a')
  expect(choose('b', 'a')).toBe('a')
  expect(choose('a', 'b')).toBeUndefined()
})
