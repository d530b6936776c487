import fc from 'fast-check'
import { expect, it } from 'vitest'
import { quoted } from './quoted.js'

it('is the JSON of any text', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme-ascii' }), fc.uuid())
  fc.assert(
    fc.property(text, one => {
      expect(quoted(one)).toBe(JSON.stringify(one))
    }),
  )
})

it.each(['', 'a"b', 'a\\b', 'a\nb', '\u007f', 'ä', '\ud800', ' ~!'])('is the JSON of %j', text => {
  expect(quoted(text)).toBe(JSON.stringify(text))
})
