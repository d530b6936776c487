/** Keeps the list of running servers in the state file and at the reaper, which stop them when this process cannot. */

import { forgetRun, type RunningServer, recordRun } from './leftovers.js'
import { identityOf } from './process-identity.js'
import type { Reaper } from './reaper.js'

export type ServerList = {
  /** Adds a process. To be called right after its spawn, because until then nothing would clean it up. */
  add(name: string, pid: number, binary: string): void
  /** Empties the list; to be called when all servers are stopped. */
  clear(): void
}

/** Opens the list for one data folder. A server that is started again replaces its former process in it. */
export const openServerList = (data_dir: string, reaper: Reaper): ServerList => {
  const running = new Map<string, RunningServer>()
  return {
    add: (name, pid, binary) => {
      const identity = identityOf(pid)
      // the process has ended already, and its pid may soon belong to another one
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
