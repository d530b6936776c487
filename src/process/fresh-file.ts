/**
 * Files that are read again whenever they are needed, so that whoever renews them restarts nothing: credentials, keys and
 * certificates.
 *
 * A file may be away or half written for a moment while it is renewed. Then the content that was read before is used, and
 * `problem` says so; the next reading may find the file whole again. Only the first reading must succeed.
 */

import { Failure } from './failure.js'

export type Fresh<A> = {
  /** Reads the file and returns its content, or the content of the last reading that succeeded. Never throws. */
  readonly read: () => A
  /** The sentence about the last reading when it failed. */
  readonly problem: () => string | undefined
}

/**
 * Reads for the first time, by `load`, which throws a `Failure` when the file cannot be used. That `Failure` ends a process
 * that starts, because the environment names a file that is of no use.
 */
export const readFresh = <A>(load: () => A): Fresh<A> => {
  let last = load()
  let problem: string | undefined
  return {
    read: () => {
      try {
        last = load()
        problem = undefined
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown
        problem = thrown.message
      }
      return last
    },
    problem: () => problem,
  }
}
