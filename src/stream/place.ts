/**
 * What the acknowledgement subject of a pulled message says of it:
 * `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>`.
 */

const PREFIX = '$JS.ACK.'
const TOKENS_WITHOUT_DOMAIN = 9
const NANOS_DIGITS = 6
const DOT = 0x2e
const ZERO = 0x30

/** Which part is the stream sequence; the others follow it. */
const seqToken = (tokens: readonly string[]): number => (tokens.length === TOKENS_WITHOUT_DOMAIN ? 5 : 7)

/** When the message was stored, to the millisecond. */
export const storedAt = (subject: string): Date => {
  const tokens = subject.split('.')
  return new Date(Number(tokens[seqToken(tokens) + 2]?.slice(0, -NANOS_DIGITS)))
}

/** Everything before the stream sequence; undefined for what is no acknowledgement subject. */
const prefixOf = (subject: string): string | undefined => {
  if (!subject.startsWith(PREFIX)) return undefined
  const tokens = subject.split('.')
  return `${tokens.slice(0, seqToken(tokens)).join('.')}.`
}

export type Place = {
  /** In the stream. */
  seq: number
  /** How many the consumer has delivered, this one included. */
  delivery: number
  /** How many it has still to deliver. */
  pending: number
  /** Reads the subject of the consumer's next message; false when it is none, and nothing is changed. */
  readonly read: (subject: string) => boolean
}

/**
 * The place of one message after the other of one consumer: their subjects begin alike, so that what differs is read
 * where it stands, without taking them apart.
 */
export const createPlace = (): Place => {
  let prefix = PREFIX
  let at = 0

  /** The number that begins at `at`, which goes on to behind the dot that ends it. */
  const number = (subject: string): number => {
    let value = 0
    for (; at < subject.length; at += 1) {
      const char = subject.charCodeAt(at)
      if (char === DOT) break
      value = 10 * value + char - ZERO
    }
    at += 1
    return value
  }

  const place: Place = {
    seq: 0,
    delivery: 0,
    pending: 0,
    read: subject => {
      if (prefix === PREFIX || !subject.startsWith(prefix)) {
        const found = prefixOf(subject)
        if (found === undefined) return false
        prefix = found
      }
      at = prefix.length
      place.seq = number(subject)
      place.delivery = number(subject)
      at = subject.indexOf('.', at) + 1
      place.pending = number(subject)
      return true
    },
  }
  return place
}
