/**
 * Finds out who runs a subcommand that decides something. nats-server tells the user of the connection, and the person may
 * add a note about themselves (`--by`).
 */

import { hostname, userInfo } from 'node:os'
import type { NatsConnection } from 'nats'
import { E, pipe, t } from '../fp.js'
import { readJson } from '../json.js'
import { callerFrom } from '../ledger/caller.js'
import { fieldsOf } from '../ledger/codec.js'
import { SKIP_BY_CHARS_MAX } from '../ledger/skip.js'
import { Failure } from '../process/failure.js'

/** The default of the option `--by`: the user and host names of this process, e.g. `ada@laptop`; `?` for an unknown user. */
export const user = (): string => {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    return `?@${hostname()}`
  }
}

/** The subject on which nats-server tells a user its own name, if the user may ask. */
const USER_INFO = '$SYS.REQ.USER.INFO'
const USER_INFO_MS_MAX = 1_000

const UserInfo = fieldsOf({ data: fieldsOf({ account: t.string }, { user: t.string }) })

/**
 * The user of the connection as a caller (`operator:LEDGER/ada`). Undefined when the server has no logins, or the user may
 * not ask for its name.
 */
export const operatorOf = async (nc: NatsConnection): Promise<string | undefined> => {
  try {
    const reply = await nc.request(USER_INFO, '', { timeout: USER_INFO_MS_MAX })
    const info = pipe(readJson(reply.data), E.chainW(UserInfo.decode))
    if (E.isLeft(info)) return undefined
    const { account, user: name = '' } = info.right.data
    return name === '' ? undefined : callerFrom('operator', `${account}/${name}`)
  } catch {
    return undefined
  }
}

/** A note that looks like a caller, as `callerFrom` writes it. */
const SAID_AS_CALLER = /^\s*operator:/i

export type Decider = {
  /** The text that a decision keeps: the user of the connection where it is known, then the person's note in brackets. */
  readonly by: string
  /** The user of the connection, for the events that the decision makes. */
  readonly caller: string | undefined
}

/**
 * Names who decides. `said` is the person's note. Throws `Failure` for a note that looks like a caller, because a reader of the
 * decision would believe that nats-server vouches for it.
 */
export const deciderOf = async (nc: NatsConnection, said: string): Promise<Decider> => {
  if (SAID_AS_CALLER.test(said))
    throw new Failure(`--by must not have the form of a caller: ${said}`, { exit_code: 2 })
  const caller = await operatorOf(nc)
  const by = caller === undefined ? said : `${caller} (${said})`.slice(0, SKIP_BY_CHARS_MAX)
  return { by, caller }
}
