import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { createWake } from './wake.js'

it('leaves no listener behind, however often it wakes the one who waits', async () => {
  const { signal } = new AbortController()
  const wake = createWake()
  for (let times = 0; times < 3_000; times += 1) {
    const woken = wake.next(signal)
    wake.call()
    await woken
  }
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

it('wakes the one who waits when the signal aborts', async () => {
  const ending = new AbortController()
  const woken = createWake().next(ending.signal)
  ending.abort()
  await woken
  expect(getEventListeners(ending.signal, 'abort')).toEqual([])
})
