/** A process of a chaos run: ended, frozen and started again when the run says so, and never by itself. */

import { type Child, type ServerSpec, startChild } from '../embedded/child.js'
import { identityOf } from '../embedded/process-identity.js'
import type { Reaper } from '../embedded/reaper.js'

export type ManagedProcess = {
  readonly isRunning: () => boolean
  readonly log_file: string
  /** Starts it when it does not run, from now on as `spec` says where one is given; resolves when it is ready. */
  readonly start: (spec?: ServerSpec) => Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: () => Promise<void>
  /** SIGTERM, and SIGKILL after its bound; resolves when the process is gone. */
  readonly end: () => Promise<void>
  /** SIGSTOP. */
  readonly freeze: () => void
  /** SIGCONT. */
  readonly thaw: () => void
}

/** A process that does not run yet. The reaper ends it when this process dies. */
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
      // a frozen process hears of SIGTERM only when it goes on
      signal('SIGCONT')
      await child?.stop()
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  }
}
