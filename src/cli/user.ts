/**
 * Who decides, unless it is said.
 */

import { hostname, userInfo } from 'node:os'

/** Who runs this, as far as the machine knows. */
export const user = (): string => {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return `?@${hostname()}`
  }
}
