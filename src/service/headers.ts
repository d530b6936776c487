/**
 * Makes reply headers that cannot break the protocol: a CR or LF in a value would begin another header, or the payload.
 */

import type { ServiceError } from './error.js'

const LINE_BREAKS = /[\r\n]+/g
/** A header name may hold printable ASCII without the colon (ADR-4). */
const HEADER_NAME = /^[!-9;-~]+$/

const oneLine = (value: string): string => value.replace(LINE_BREAKS, ' ').trim()

/**
 * The headers of a reply as the lines that are sent; '' when there are none. Line breaks in values become a space.
 *
 * @throws Error when ADR-4 does not allow a name: names come from our code only, so that is a bug.
 */
export const headerLines = (values: Readonly<Record<string, string>>): string => {
  let lines = ''
  for (const name of Object.keys(values)) {
    if (!HEADER_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a header`)
    lines += `${name}: ${oneLine(values[name] ?? '')}\r\n`
  }
  return lines
}

/** The two headers of an error reply, by which ADR-32 tells it from a success. */
export const errorLines = ({ status, code }: ServiceError): string =>
  headerLines({ 'Nats-Service-Error-Code': String(status), 'Nats-Service-Error': code })
