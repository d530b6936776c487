/**
 * The default of the option `--by`: the person who decides about a dead letter or a parked customer.
 */

import { hostname, userInfo } from 'node:os'

/** The user and host names of this process, e.g. `ada@laptop`; `?` in place of an unknown user. */
export const user = (): string => {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return `?@${hostname()}`
  }
}
