/**
 * The texts of an event that its row in the journal holds: all of them, as far as every table and every reply can hold
 * them. What is too large or too deep is left out and named, so that no event can stop a projection (docs/adr/0027).
 *
 * The limits are those of what is written, not of what was read: `1e20` in an event is a number of 21 digits in a row.
 */

import { isDeeperThan } from '../ledger/depth.js'
import type { LedgerEvent } from '../ledger/event.js'

/** Metadata as JSON text, in bytes. An event of usual form is smaller as a whole. */
export const METADATA_BYTES_MAX = 64 * 1024
/** As deep as the strict reading of JSON goes, so a command's metadata is never left out. */
const METADATA_DEPTH_MAX = 32
export const REFERENCE_BYTES_MAX = 64 * 1024

/** What may be left out of a row. */
export type Omitted = 'metadata' | 'reference'

export type RowTexts = {
  readonly reference?: string
  /** As JSON. */
  readonly metadata?: string
  /** The answer that a declined command gets again, as JSON. */
  readonly declined?: string
  readonly omitted: readonly Omitted[]
}

const NONE: readonly Omitted[] = []

/** JSON can hold half of a surrogate pair, which no UTF-8 can: it is replaced. */
const asUtf8 = (text: string): string => Buffer.from(text, 'utf8').toString('utf8')

const metadataText = (metadata: object): string | undefined => {
  if (isDeeperThan(metadata, METADATA_DEPTH_MAX)) return undefined
  const text = JSON.stringify(metadata)
  return Buffer.byteLength(text) > METADATA_BYTES_MAX ? undefined : text
}

const declinedText = ({ declined }: LedgerEvent): string | undefined => {
  if (declined === undefined) return undefined
  const { command, code, client_id, balance } = declined
  return JSON.stringify({ command, code, client_id, balance: String(balance) })
}

/** The texts of `event` for its row. Total: it never throws, whatever the event holds. */
export const rowTexts = (event: LedgerEvent): RowTexts => {
  const declined = declinedText(event)
  const reference = event.reference === undefined ? undefined : asUtf8(event.reference)
  const metadata = event.metadata === undefined ? undefined : metadataText(event.metadata)
  const has_long_reference = reference !== undefined && Buffer.byteLength(reference) > REFERENCE_BYTES_MAX
  const omitted: Omitted[] = [
    ...(event.metadata !== undefined && metadata === undefined ? (['metadata'] as const) : NONE),
    ...(has_long_reference ? (['reference'] as const) : NONE),
  ]
  return {
    ...(reference === undefined || has_long_reference ? {} : { reference }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(declined === undefined ? {} : { declined }),
    omitted: omitted.length === 0 ? NONE : omitted,
  }
}

/** How the list stands in a row: names with a blank between. */
export const omittedText = (omitted: readonly Omitted[]): string => omitted.join(' ')

const isOmitted = (name: string): name is Omitted => name === 'metadata' || name === 'reference'

/** The list that a row's text stands for; names that nobody knows are passed over. */
export const omittedOf = (text: string): readonly Omitted[] => text.split(' ').filter(isOmitted)
