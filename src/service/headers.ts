/**
 * Reply headers that cannot break the protocol: a CR or LF in a value would start a header, or a payload, of its own.
 */

import type { ServiceError } from './error.js'

const LINE_BREAKS = /[\r\n]+/g
/** ADR-4: printable ASCII without the colon. */
const HEADER_NAME = /^[!-9;-~]+$/

const oneLine = (value: string): string => value.replace(LINE_BREAKS, ' ').trim()

/**
 * Headers of a reply as the lines that go over the wire; '' when there are none. Line breaks in values become a space.
 *
 * @throws Error when a name is not one that ADR-4 allows: names are written by us, so that is a bug.
 */
export const headerLines = (values: Readonly<Record<string, string>>): string => {
  let lines = ''
  for (const name of Object.keys(values)) {
    if (!HEADER_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a header`)
    lines += `${name}: ${oneLine(values[name] ?? '')}\r\n`
  }
  return lines
}

/** The two headers by which ADR-32 tells an error from a success. */
export const errorLines = ({ status, code }: ServiceError): string =>
  headerLines({ 'Nats-Service-Error-Code': String(status), 'Nats-Service-Error': code })
