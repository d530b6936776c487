/**
 * Reply headers that cannot break the protocol: a CR or LF in a value would start a header, or a payload, of its own.
 */

import { type MsgHdrs, MsgHdrsImpl } from 'nats'
import type { ServiceError } from './error.js'

const LINE_BREAK = /[\r\n]/
const LINE_BREAKS = /[\r\n]+/g
/** ADR-4: printable ASCII without the colon. */
const HEADER_NAME = /^[!-9;-~]+$/

const oneLine = (value: string): string =>
  LINE_BREAK.test(value) ? value.replace(LINE_BREAKS, ' ').trim() : value

/** Headers as the bytes that go over the wire, made once for many replies. */
export class EncodedHeaders extends MsgHdrsImpl {
  readonly #bytes: Uint8Array

  constructor(headers: MsgHdrsImpl) {
    super()
    this.headers = headers.headers
    this.#bytes = headers.encode()
  }

  override encode(): Uint8Array {
    return this.#bytes
  }
}

/** Encodes headers once, for replies that have the same ones. Throws as `replyHeaders` does. */
export const encodedHeaders = (values: Readonly<Record<string, string>>): EncodedHeaders =>
  new EncodedHeaders(toHeaders(values))

const toHeaders = (values: Readonly<Record<string, string>>): MsgHdrsImpl => {
  const lines: Record<string, string[]> = {}
  for (const name of Object.keys(values)) {
    if (!HEADER_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a header`)
    lines[name] = [oneLine(values[name] ?? '')]
  }
  // `headers().set` checks all of this again and takes twice the time, on the path of every query
  return MsgHdrsImpl.fromRecord(lines) as MsgHdrsImpl
}

/**
 * Headers of a reply, or undefined when there are none. Line breaks in values become a space.
 *
 * @throws Error when a name is not one that ADR-4 allows: names are written by us, so that is a bug.
 */
export const replyHeaders = (
  values: Readonly<Record<string, string>> | EncodedHeaders | undefined,
): MsgHdrs | undefined => {
  if (values === undefined || values instanceof EncodedHeaders) return values
  const headers = toHeaders(values)
  return headers.size() > 0 ? headers : undefined
}

/** The two headers by which ADR-32 tells an error from a success. */
export const errorHeaders = ({ status, code }: ServiceError): MsgHdrs =>
  MsgHdrsImpl.fromRecord({
    'Nats-Service-Error-Code': [String(status)],
    'Nats-Service-Error': [oneLine(code)],
  })
