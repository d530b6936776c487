/** Manages a process of a chaos run, which is stopped, frozen and started again only when the run says so. */

import { type Child, type ServerSpec, startChild } from '../embedded/child.js'
import { identityOf } from '../embedded/process-identity.js'
import type { Reaper } from '../embedded/reaper.js'

export type ManagedProcess = {
  readonly isRunning: () => boolean
  readonly log_file: string
  /** Starts the process; throws when it runs already. A given `spec` replaces the earlier one. Resolves when it is ready. */
  readonly start: (spec?: ServerSpec) => Promise<void>
  /** Sends SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>
  /** Sends SIGTERM, and SIGKILL after the spec's time limit; resolves when the process is gone. */
  readonly end: () => Promise<void>
  /** Sends SIGSTOP. */
  readonly freeze: () => void
  /** Sends SIGCONT. */
  readonly thaw: () => void
}

/** Creates a managed process that does not run yet. The reaper ends it when the program that runs this code dies. */
export const manageProcess = (first_spec: ServerSpec, reaper: Reaper): ManagedProcess => {
  let spec = first_spec
  let child: Child | undefined

  const signal = (which: NodeJS.Signals): void => {
    if (child !== undefined) process.kill(child.pid, which)
  }
  return {
    isRunning: () => child !== undefined,
    log_file: spec.log_file,
    start: async (other = spec) => {
      if (child !== undefined) throw new Error(`${spec.name} runs already`)
      spec = other
      const noteProcess = (pid: number): void => reaper.add(pid, identityOf(pid) ?? '')
      const started = await startChild(spec, noteProcess, new AbortController().signal)
      child = started
      void started.exited.then(() => {
        reaper.remove(started.pid)
        child = undefined
      })
    },
    kill: async () => {
      const { exited } = child ?? {}
      signal('SIGKILL')
      await exited
    },
    end: async () => {
      // a frozen process handles SIGTERM only after SIGCONT
      signal('SIGCONT')
      await child?.stop()
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  }
}
