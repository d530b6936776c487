import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeEvent, NEWEST_SCHEMA } from './event.js'

type Golden = { body: unknown; decoded: Record<string, unknown> }

const FOLDER = new URL('./golden/', import.meta.url)
const files = readdirSync(FOLDER).sort()
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

describe('the golden files of every schema version', () => {
  it('are there for each version that this program knows', () => {
    expect(files).toEqual(Array.from({ length: NEWEST_SCHEMA }, (_, i) => `schema-${i + 1}.json`))
  })

  it.each(files)('%s decodes as it always did', file => {
    const cases = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Golden[]
    expect(cases.length).toBeGreaterThan(0)
    for (const { body, decoded } of cases) {
      const result = decodeEvent(bytes(body))
      if (result.tag !== 'event') throw new Error(`${JSON.stringify(body)} is ${JSON.stringify(result)}`)
      const { schema: _schema, ...event } = result.event as Record<string, unknown>
      expect({ ...event, amount: String(event.amount) }).toEqual(decoded)
    }
  })
})
