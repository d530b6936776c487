/** The list of running server processes, kept for those who clean up when we cannot: the state file and the reaper. */

import { forgetRun, type RunningServer, recordRun } from './leftovers.js'
import { identityOf } from './process-identity.js'
import type { Reaper } from './reaper.js'

export type Roster = {
  /** To be called right after a spawn: until then nobody would clean up this process. */
  add(name: string, pid: number, binary: string): void
  /** All are stopped. */
  clear(): void
}

/** A roster for the servers of one data folder. A server that is started again replaces its former process. */
export const openRoster = (data_dir: string, reaper: Reaper): Roster => {
  const running = new Map<string, RunningServer>()
  return {
    add: (name, pid, binary) => {
      const identity = identityOf(pid)
      // it ended already, and its pid may soon be another's
      if (identity === undefined) return
      reaper.add(pid, identity)
      const former = running.get(name)
      if (former) reaper.remove(former.pid)
      running.set(name, { name, pid, identity, binary })
      recordRun(data_dir, [...running.values()])
    },
    clear: () => {
      reaper.done()
      forgetRun(data_dir)
    },
  }
}
