import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { E, type Either } from '../../fp.js'
import { createBreaker, SOON_MS, type Soon } from './breaker.js'

const AWAY = 'away'
const OTHER = 'this item is unreadable'
const PROBE_MS = 501

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const start = () => {
  const opened: (string | undefined)[] = []
  const breaker = createBreaker<string>({
    isAway: error => error === AWAY,
    onOpen: error => opened.push(error),
  })
  let asked = 0
  const ask = (answer: Promise<Either<string, number>>): Promise<Soon<string, number>> =>
    breaker.soon(() => {
      asked += 1
      return answer
    })
  return { ask, opened, asked: () => asked }
}

const never = new Promise<never>(() => undefined)
const soon = Promise.resolve(E.right(7))
const failed = (error: string) => Promise.resolve(E.left(error))

it('gives what the store answers soon', async () => {
  const { ask, opened } = start()
  expect(await ask(soon)).toEqual({ tag: 'answer', answer: 7 })
  expect(opened).toEqual([])
})

it('waits for a moment for a store that is slow, and hands on what comes later', async () => {
  const { ask, opened } = start()
  let answer: (either: Either<string, number>) => void = () => undefined
  const asking = ask(
    new Promise(resolve => {
      answer = resolve
    }),
  )
  await vi.advanceTimersByTimeAsync(SOON_MS)
  const late = await asking
  answer(E.right(8))
  expect(late.tag === 'late' && (await late.later)).toEqual(E.right(8))
  expect(opened).toEqual([undefined])
})

it('asks a store that is away no more, but for one probe in half a second, and nobody waits for that', async () => {
  const { ask, opened, asked } = start()
  expect(await ask(failed(AWAY))).toEqual({ tag: 'away', error: AWAY })
  for (let i = 0; i < 10; i += 1) expect(await ask(soon)).toEqual({ tag: 'away', error: undefined })
  expect(asked()).toBe(1)
  await vi.advanceTimersByTimeAsync(PROBE_MS)
  for (let i = 0; i < 10; i += 1) expect((await ask(never)).tag).toBe('away')
  expect(asked()).toBe(2)
  expect(opened).toEqual([AWAY])
})

it('goes back to a store as soon as a probe is answered', async () => {
  const { ask } = start()
  await ask(failed(AWAY))
  await vi.advanceTimersByTimeAsync(PROBE_MS)
  expect((await ask(soon)).tag).toBe('away')
  await vi.advanceTimersByTimeAsync(1)
  expect(await ask(soon)).toEqual({ tag: 'answer', answer: 7 })
})

it('goes on asking after a failure that is about one read alone', async () => {
  const { ask, opened } = start()
  expect(await ask(failed(OTHER))).toEqual({ tag: 'away', error: OTHER })
  expect(await ask(soon)).toEqual({ tag: 'answer', answer: 7 })
  expect(opened).toEqual([])
})
