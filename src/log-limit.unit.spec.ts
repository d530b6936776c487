import { pino } from 'pino'
import { expect, it } from 'vitest'
import { createLogLimit, limitedLog } from './log-limit.js'

it('lets 20 lines of a key through in 10 s, and says with the next one how many were left out', () => {
  let at_ms = 0
  const limit = createLogLimit(() => at_ms)
  const written = (key: string, times: number) =>
    Array.from({ length: times }, () => limit(key)).filter(line => line !== undefined)
  expect(written('UNAVAILABLE', 20)).toEqual(Array(20).fill({}))
  at_ms = 9_999
  expect(written('UNAVAILABLE', 500)).toEqual([])
  expect(written('TIMEOUT', 1)).toEqual([{}])
  at_ms = 10_000
  expect(written('UNAVAILABLE', 21)).toEqual([{ unlogged: 500 }, ...Array(19).fill({})])
  at_ms = 30_000
  expect(written('UNAVAILABLE', 1)).toEqual([{ unlogged: 1 }])
  at_ms = 40_000
  expect(written('UNAVAILABLE', 1)).toEqual([{}])
})

it('leaves out warnings and errors with the same text, and nothing else', () => {
  const lines: { readonly msg: string; readonly err?: { readonly message: string } }[] = []
  const log = limitedLog(pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }))
  for (let i = 0; i < 30; i += 1) {
    log.warn({ err: new Error(`cause ${i}`) }, 'a command failed')
    log.error({}, 'a fault')
    log.info('as before')
  }
  const times = (text: string) => lines.filter(({ msg }) => msg === text).length
  expect([times('a command failed'), times('a fault'), times('as before')]).toEqual([20, 20, 30])
  expect(lines[0]?.err?.message).toBe('cause 0')
})
