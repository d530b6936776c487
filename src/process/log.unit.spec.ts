import { describe, expect, it } from 'vitest'
import { harmless } from './log.js'

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
