/** The headers of a reply about one account. */

import { headerLines } from '../service/headers.js'
import type { Found } from './hot-set/loader.js'

/**
 * The headers as the lines that are sent: version and sequence of the account, where it was read from, `more`, and the age
 * where no server proves the account to be new.
 */
export const sourceLines = (
  { account, source, age_ms }: Pick<Found, 'account' | 'source' | 'age_ms'>,
  more: Readonly<Record<string, string>> = {},
): string =>
  headerLines({
    'Ledger-Version': String(account.version),
    'Ledger-Seq': String(account.seq),
    'Ledger-Source': source,
    ...more,
    ...(age_ms === undefined ? {} : { 'Ledger-Age-Ms': String(age_ms) }),
  })
