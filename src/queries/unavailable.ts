/**
 * The error for a table that cannot be read, or must not be believed.
 */

import { catalogued } from '../service/catalogue.js'
import type { ServiceError } from '../service/error.js'
import type { StreamError } from '../stream/errors.js'
import type { TableError } from '../tables/errors.js'

/** 503 `UNAVAILABLE`: `what` cannot be read now. For a table that is not believed the text says why. */
export const unavailable = (what: string, error: TableError | StreamError): ServiceError => {
  const why = error.tag === 'NotOurs' ? `: ${error.message}` : '; try again'
  return catalogued('UNAVAILABLE', { message: `${what} cannot be read at the moment${why}` }, error)
}
