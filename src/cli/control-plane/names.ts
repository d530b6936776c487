/** Parsers of arguments that several subcommands of the control plane have. They throw `InvalidArgumentError`. */

import { InvalidArgumentError } from 'commander'
import { isName, NAME_RULE } from '../../control-plane/state.js'
import { USERS, type User } from '../../permissions/users.js'

/** The name of an account or of a user. */
export const name = (text: string): string => {
  if (!isName(text)) throw new InvalidArgumentError(`${NAME_RULE}.`)
  return text
}

/** A kind of users, added to those that were given before it. */
export const kinds = (text: string, before: readonly User[] | undefined): readonly User[] => {
  const kind = USERS.find(one => one === text)
  if (kind === undefined) throw new InvalidArgumentError(`must be one of ${USERS.join(', ')}.`)
  return [...(before ?? []), kind]
}
