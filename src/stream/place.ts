/**
 * Reads the place of a pulled message in the stream from its acknowledgement subject:
 * `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>`.
 */

const PREFIX = '$JS.ACK.'
const TOKENS_WITHOUT_DOMAIN = 9
const NANOS_DIGITS = 6
const DOT = 0x2e
const ZERO = 0x30

/** The index of the token with the stream sequence; the other numbers follow it. */
const seqToken = (tokens: readonly string[]): number => (tokens.length === TOKENS_WITHOUT_DOMAIN ? 5 : 7)

/** The time at which the message was stored, to the millisecond. */
export const storedAt = (subject: string): Date => {
  const tokens = subject.split('.')
  return new Date(Number(tokens[seqToken(tokens) + 2]?.slice(0, -NANOS_DIGITS)))
}

/** The part before the stream sequence; undefined when this is no acknowledgement subject. */
const prefixOf = (subject: string): string | undefined => {
  if (!subject.startsWith(PREFIX)) return undefined
  const tokens = subject.split('.')
  return `${tokens.slice(0, seqToken(tokens)).join('.')}.`
}

export type Place = {
  /** The message's sequence in the stream. */
  seq: number
  /** The number of messages that the consumer has delivered, this one included. */
  delivery: number
  /** The number of messages that it has still to deliver. */
  pending: number
  /** Reads the subject of the consumer's next message. False, without any change, when it is no such subject. */
  readonly read: (subject: string) => boolean
}

/**
 * Creates the place of a consumer's current message. All subjects of one consumer begin alike, so each number is read
 * at its position, without splitting the subject.
 */
export const createPlace = (): Place => {
  let prefix = PREFIX
  let at = 0

  /** Reads the number that begins at `at`, and moves `at` behind the dot that ends it. */
  const readNumber = (subject: string): number => {
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
      place.seq = readNumber(subject)
      place.delivery = readNumber(subject)
      at = subject.indexOf('.', at) + 1
      place.pending = readNumber(subject)
      return true
    },
  }
  return place
}
