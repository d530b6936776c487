/**
 * Points in time as callers write them (RFC 3339), as nanoseconds since 1970: the stream's clock is that fine.
 */

import { t } from '../fp.js'

const NS_PER_MS = 1_000_000n
const NS_PER_S = 1_000_000_000n
const RULE = 'must be a time like 2026-11-21T10:00:00Z (RFC 3339)'

const RFC_3339 =
  /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

const offsetMinutes = (sign: string | undefined, hours = '0', minutes = '0'): number | undefined => {
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

/** Nanoseconds since 1970; undefined when the text is no such time, or a day that no month has. */
export const parseInstant = (text: string): bigint | undefined => {
  const found = RFC_3339.exec(text)
  if (found === null) return undefined
  const [, day = '', hours, minutes, seconds, fraction = '', sign, offset_hours, offset_minutes] = found
  const offset = offsetMinutes(sign, offset_hours, offset_minutes)
  const utc = new Date(`${day}T${hours}:${minutes}:${seconds}Z`)
  // Date takes 31 February for the third of March
  const exists = !Number.isNaN(utc.getTime()) && utc.toISOString().startsWith(day) && Number(hours) < 24
  if (!exists || offset === undefined) return undefined
  const ns = BigInt(utc.getTime() - offset * 60_000) * NS_PER_MS + BigInt(fraction.padEnd(9, '0'))
  return ns >= 0n ? ns : undefined
}

/** RFC 3339 in UTC, to the nanosecond. */
export const formatInstant = (ns: bigint): string => {
  const seconds = new Date(Number(ns / NS_PER_S) * 1_000).toISOString().slice(0, -'.000Z'.length)
  return `${seconds}.${String(ns % NS_PER_S).padStart(9, '0')}Z`
}

/** Decodes a point in time. */
export const Instant = new t.Type<bigint, string, unknown>(
  'Instant',
  (u): u is bigint => typeof u === 'bigint',
  (u, context) => {
    const ns = typeof u === 'string' ? parseInstant(u) : undefined
    return ns === undefined ? t.failure(u, context, RULE) : t.success(ns)
  },
  formatInstant,
)
