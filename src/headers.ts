/**
 * Decodes the headers of every message that this program reads, and never throws.
 *
 * nats-server stores and delivers headers that break the rules of ADR-4, and the client's own decoder throws at them,
 * inside its read loop: one event with broken headers would end every subscription of a connection. The decoder here
 * replaces the client's own, so that consumers, gets and requests all read with it.
 *
 * The rules of decoding:
 * - lines end with CR LF; a lone CR or LF is a part of the line, and the last line may lack its end;
 * - a name is everything before the first colon, exactly as it was sent: blanks, control characters and letters outside
 *   ASCII stay; bytes that are not UTF-8 become U+FFFD;
 * - a value is the text after the colon without the white space around it; values of one name keep their order;
 * - a line without a colon or without a name is ignored;
 * - a status counts only when it follows `NATS/1.0` in the first line; any other first line is ignored. (The server
 *   removes a status from a published message, but not one behind another word: reading that one would make a stored
 *   event look like the answer "there is no message".)
 *
 * Nothing is cut off: the server adds its own headers at the end, and its `max_payload` bounds them all.
 */

import { Match, type Msg, MsgHdrsImpl } from 'nats'

const FIRST_LINE = 'NATS/1.0'
const STATUS = /^NATS\/1\.0 +(\d{3})(?:[ \t]+([^\r\n]*))?$/
const LINE_END = '\r\n'

/** The client's own class with a direct look-up by name: the client compares all names, of which there may be thousands. */
class Headers extends MsgHdrsImpl {
  override findKeys(name: string, match: Match = Match.Exact): string[] {
    if (match !== Match.Exact) return super.findKeys(name, match)
    return this.headers.has(name) ? [name] : []
  }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')

const emptyFor = (first_line: string): Headers => {
  if (first_line === FIRST_LINE) return new Headers()
  const [, code, description = ''] = STATUS.exec(first_line) ?? []
  return code === undefined ? new Headers() : new Headers(Number(code), description.trim())
}

const add = ({ headers }: Headers, line: string): void => {
  const colon = line.indexOf(':')
  if (colon < 1) return
  const name = line.slice(0, colon)
  const value = line.slice(colon + 1).trim()
  const values = headers.get(name)
  if (values === undefined) headers.set(name, [value])
  else values.push(value)
}

/** Decodes the header block of one message. Never throws. */
export const decodeHeaders = (bytes: Uint8Array): MsgHdrsImpl => {
  const text = textOf(bytes)
  const first_end = text.indexOf(LINE_END)
  if (first_end === -1) return emptyFor(text)
  const headers = emptyFor(text.slice(0, first_end))
  for (let at = first_end + LINE_END.length; at < text.length; ) {
    const found = text.indexOf(LINE_END, at)
    const end = found === -1 ? text.length : found
    add(headers, text.slice(at, end))
    at = end + LINE_END.length
  }
  return headers
}

/** Internals of the client's message that its type declarations leave out: the header block comes before the body. */
type RawMessage = { readonly _rdata?: Uint8Array; readonly _msg?: { readonly hdr: number } }

/** The header block of a message as it was sent, with one character for each byte; empty without headers. */
export const headerTextOf = (message: Msg): string => {
  const { _rdata: bytes, _msg: place } = message as unknown as RawMessage
  if (bytes === undefined || place === undefined || place.hdr < 0) return ''
  return Buffer.from(bytes.buffer, bytes.byteOffset, place.hdr).toString('latin1')
}

// takes effect for every connection of this process as soon as any module imports this one
MsgHdrsImpl.decode = decodeHeaders
