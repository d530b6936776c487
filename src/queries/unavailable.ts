/**
 * The answer where a table cannot be read, or may not be believed.
 */

import { catalogued } from '../service/catalogue.js'
import type { ServiceError } from '../service/error.js'
import type { StreamError } from '../stream/errors.js'
import type { TableError } from '../tables/errors.js'

/** 503 `UNAVAILABLE`: `what` cannot be answered now; a table that is not believed says why. */
export const unavailable = (what: string, error: TableError | StreamError): ServiceError => {
  const why = error.tag === 'NotOurs' ? `: ${error.message}` : '; try again'
  return catalogued('UNAVAILABLE', { message: `${what} cannot be read at the moment${why}` }, error)
}
