/**
 * Decodes the points in time and the days that callers write. The queries decode with it and the gateway's schemas show
 * its rules, so that a time means the same over NATS and over HTTP.
 *
 * A point in time is RFC 3339 and becomes nanoseconds since 1970, the resolution of the stream's clock. The server keeps
 * them in a signed 64-bit integer, which would overflow into the past after the year 2262, so a later time is refused.
 */

import { t } from './fp.js'

const NS_PER_MS = 1_000_000n
const NS_PER_S = 1_000_000_000n
const NS_MAX = 2n ** 63n - 1n

/** The form of a point in time as a regular expression. Not every match is a time (30 February): the codec checks that. */
export const INSTANT_PATTERN =
  '^(\\d{4}-\\d{2}-\\d{2})[Tt](\\d{2}):(\\d{2}):(\\d{2})(?:\\.(\\d{1,9}))?(?:[Zz]|([+\\-])(\\d{2}):(\\d{2}))$'

/** The text for a caller whose value is not a time. */
export const INSTANT_RULE =
  'must be a time such as 2026-11-21T10:00:00Z (RFC 3339), from 1970 to 2262-04-11T23:47:16Z'

const RFC_3339 = new RegExp(INSTANT_PATTERN)

const offsetMinutes = (sign: string | undefined, hours = '0', minutes = '0'): number | undefined => {
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

/** Nanoseconds since 1970; undefined when the text has another form, is out of range, or names a day that does not exist. */
export const parseInstant = (text: string): bigint | undefined => {
  const found = RFC_3339.exec(text)
  if (found === null) return undefined
  const [, day = '', hours, minutes, seconds, fraction = '', sign, offset_hours, offset_minutes] = found
  const offset = offsetMinutes(sign, offset_hours, offset_minutes)
  const utc = new Date(`${day}T${hours}:${minutes}:${seconds}Z`)
  // Date turns 31 February into 3 March
  const is_real = !Number.isNaN(utc.getTime()) && utc.toISOString().startsWith(day) && Number(hours) < 24
  if (!is_real || offset === undefined) return undefined
  const ns = BigInt(utc.getTime() - offset * 60_000) * NS_PER_MS + BigInt(fraction.padEnd(9, '0'))
  return ns >= 0n && ns <= NS_MAX ? ns : undefined
}

/** A `Date` as a point in time. */
export const instantOf = (date: Date): bigint => BigInt(date.getTime()) * NS_PER_MS

/** RFC 3339 in UTC, to the nanosecond. */
export const formatInstant = (ns: bigint): string => {
  const seconds = new Date(Number(ns / NS_PER_S) * 1_000).toISOString().slice(0, -'.000Z'.length)
  return `${seconds}.${String(ns % NS_PER_S).padStart(9, '0')}Z`
}

/** Decodes a point in time into nanoseconds since 1970. */
export const Instant = new t.Type<bigint, string, unknown>(
  'Instant',
  (u): u is bigint => typeof u === 'bigint',
  (u, context) => {
    const ns = typeof u === 'string' ? parseInstant(u) : undefined
    return ns === undefined ? t.failure(u, context, INSTANT_RULE) : t.success(ns)
  },
  formatInstant,
)

/** The form of a day as a regular expression. */
export const DAY_PATTERN = '^\\d{4}-\\d{2}-\\d{2}$'

/** The text for a caller whose value is not a day. */
export const DAY_RULE = 'must be a day such as 2026-11-21 (UTC), from 1970-01-01 to 2262-04-11'

const DAY = new RegExp(DAY_PATTERN)
/** The last day that contains a valid point in time. */
const DAY_MS_MAX = Date.parse('2262-04-11T00:00:00Z')

/** The UTC day that `ms` since 1970 lies in. */
export const formatDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** The beginning of a UTC day in milliseconds since 1970; undefined when the text is not a day, or is out of range. */
export const parseDay = (text: string): number | undefined => {
  const ms = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  // Date turns 31 February into 3 March
  const is_real = !Number.isNaN(ms) && formatDay(ms) === text
  return is_real && ms >= 0 && ms <= DAY_MS_MAX ? ms : undefined
}

/** Decodes a UTC day into the milliseconds since 1970 at its beginning. */
export const Day = new t.Type<number, string, unknown>(
  'Day',
  t.number.is,
  (u, context) => {
    const ms = typeof u === 'string' ? parseDay(u) : undefined
    return ms === undefined ? t.failure(u, context, DAY_RULE) : t.success(ms)
  },
  formatDay,
)
