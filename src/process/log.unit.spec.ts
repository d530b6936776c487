import { describe, expect, it } from 'vitest'
import { Failed } from '../fp.js'
import { errorField, harmless, shownLine } from './log.js'

describe('a line of the log', () => {
  const text = 'a\u001b[2J\r\u009b\u202e \\u001b "q" \\ ü\n'
  const line = `${JSON.stringify({ msg: text })}\n`

  it('holds nothing raw that a terminal obeys, and the same value', () => {
    const logged = harmless(line, false)
    expect(logged.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(JSON.parse(logged)).toEqual({ msg: text })
  })

  it('shows the escapes where its JSON is decoded before it is printed', () => {
    const { msg } = JSON.parse(harmless(line, true)) as { readonly msg: string }
    expect(msg).toBe('a\\u001b[2J\\r\\u009b\\u202e \\u001b "q" \\ ü\n')
  })
})

describe('an error in the log', () => {
  it.each([
    new Failed({ tag: 'TryAgain', message: 'no answer', cause: new Error('Region is missing') }),
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  ])('is one sentence without a stack where it is trouble outside: %s', err => {
    expect(errorField(err)).toMatchObject({ message: expect.stringContaining(err.message) })
    expect(errorField(err)).not.toHaveProperty('stack')
  })

  it.each([
    new TypeError('x is not a function'),
    new Failed({ tag: 'Unexpected', message: 'a fault', cause: new RangeError('r') }),
    new Error('a rule of this program was broken'),
  ])('has its stack where it is a bug: %s', err => {
    expect(errorField(err)).toHaveProperty('stack')
  })
})

it('a person at a terminal sees no figures that are for alarms', () => {
  const figure = '{"level":"info","metric":"projection_lag","msg":"projection lag"}\n'
  expect([shownLine(figure, true), shownLine(figure, false)]).toEqual(['', figure])
  const other = '{"level":"warn","metric":"config_write","msg":"a \\"metric\\":\\"in_flight\\""}\n'
  expect(shownLine(other, true)).not.toBe('')
})
