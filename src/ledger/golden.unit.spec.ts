import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NEWEST_SCHEMA } from './event.js'
import { decodePlain } from './testing/plain.js'

type Golden = {
  readonly body?: unknown
  readonly text?: string
  /** The event that the body decodes to; absent when the body is `malformed`. */
  readonly decoded?: Record<string, unknown>
}

const FOLDER = new URL('./golden/', import.meta.url)
const files = readdirSync(FOLDER).sort()
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
/** Bodies that JSON.parse would change are kept as text in the golden files. */
const bytesOf = ({ body, text }: Golden): Uint8Array =>
  text === undefined ? bytes(body) : new TextEncoder().encode(text)

/** A decoded event as JSON can hold it: amounts as texts. */
const inJson = (event: unknown): unknown =>
  JSON.parse(JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? String(value) : value)))

describe('the golden files of every schema version', () => {
  it('are there for each version that this program knows', () => {
    expect(files).toEqual(Array.from({ length: NEWEST_SCHEMA }, (_, i) => `schema-${i + 1}.json`))
  })

  it.each(files)('%s decodes as it always did', file => {
    const cases = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Golden[]
    expect(cases.length).toBeGreaterThan(0)
    for (const golden of cases) {
      const result = decodePlain(bytesOf(golden))
      if (golden.decoded === undefined || result.tag !== 'event') {
        expect(result.tag, JSON.stringify(golden)).toBe(golden.decoded === undefined ? 'malformed' : 'event')
        continue
      }
      const { schema: _schema, ...event } = result.event as Record<string, unknown>
      expect(inJson(event)).toEqual(golden.decoded)
    }
  })
})
