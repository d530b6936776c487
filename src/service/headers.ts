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

/**
 * Headers of a reply, or undefined when there are none. Line breaks in values become a space.
 *
 * @throws Error when a name is not one that ADR-4 allows: names are written by us, so that is a bug.
 */
export const replyHeaders = (values: Readonly<Record<string, string>> | undefined): MsgHdrs | undefined => {
  if (values === undefined) return undefined
  const lines: Record<string, string[]> = {}
  let any = false
  for (const name of Object.keys(values)) {
    if (!HEADER_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a header`)
    lines[name] = [oneLine(values[name] ?? '')]
    any = true
  }
  // `headers().set` checks all of this again and takes twice the time, on the path of every balance query
  return any ? MsgHdrsImpl.fromRecord(lines) : undefined
}

/** The two headers by which ADR-32 tells an error from a success. */
export const errorHeaders = ({ status, code }: ServiceError): MsgHdrs =>
  MsgHdrsImpl.fromRecord({
    'Nats-Service-Error-Code': [String(status)],
    'Nats-Service-Error': [oneLine(code)],
  })
