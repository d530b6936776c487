/**
 * Reads the place of a pulled message in the stream from its acknowledgement subject:
 * `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>`.
 */

const PREFIX = '$JS.ACK.'
const TOKENS_WITHOUT_DOMAIN = 9
const NANOS_DIGITS = 6
const ZERO = 0x30

/** The index of the token with the stream sequence; the other numbers follow it. */
const seqToken = (tokens: readonly string[]): number => (tokens.length === TOKENS_WITHOUT_DOMAIN ? 5 : 7)

/** The part before the stream sequence, and the deliveries that it ends with; undefined when this is no acknowledgement subject. */
const prefixOf = (subject: string): { readonly text: string; readonly deliveries: number } | undefined => {
  if (!subject.startsWith(PREFIX)) return undefined
  const tokens = subject.split('.')
  const end = seqToken(tokens)
  return { text: `${tokens.slice(0, end).join('.')}.`, deliveries: Number(tokens[end - 1]) }
}

export type Place = {
  /** How often the message was delivered, this time included. */
  deliveries: number
  /** The message's sequence in the stream. */
  seq: number
  /** The number of messages that the consumer has delivered, this one included. */
  delivery: number
  /** The time at which the message was stored, in milliseconds since 1970. */
  at_ms: number
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

  /** Reads the number that begins at `at` without its last `cut` digits, and moves `at` behind the dot that ends it. */
  const readNumber = (subject: string, cut = 0): number => {
    const dot = subject.indexOf('.', at)
    const end = dot === -1 ? subject.length : dot
    let value = 0
    for (; at < end - cut; at += 1) value = 10 * value + subject.charCodeAt(at) - ZERO
    at = end + 1
    return value
  }

  const place: Place = {
    deliveries: 0,
    seq: 0,
    delivery: 0,
    at_ms: 0,
    pending: 0,
    read: subject => {
      if (prefix === PREFIX || !subject.startsWith(prefix)) {
        const found = prefixOf(subject)
        if (found === undefined) return false
        prefix = found.text
        place.deliveries = found.deliveries
      }
      at = prefix.length
      place.seq = readNumber(subject)
      place.delivery = readNumber(subject)
      place.at_ms = readNumber(subject, NANOS_DIGITS)
      place.pending = readNumber(subject)
      return true
    },
  }
  return place
}
