/** Starts a module as a child process, which is stopped by its pid and never outlives this process. */

import { type ChildProcess, fork } from 'node:child_process'

const STOP_MS_MAX = 20_000

/** The target of a process's output; messages go over IPC. */
type Output = 'inherit' | number

export type Child = {
  readonly pid: number
  readonly process: ChildProcess
  /** Resolves with a short text about the cause when the process has ended in any way. */
  readonly ended: Promise<string>
  /** Sends SIGTERM, and SIGKILL after a time limit; resolves when the process is gone. It can be called again. */
  readonly stop: () => Promise<void>
}

type Options = {
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly exec_args?: readonly string[]
  readonly output?: Output
  /** The target of standard error; `output` unless stated. */
  readonly errors?: Output
}

/** Starts `module`, a file beside this one, without `.js`. */
export const startChild = (module: string, options: Options = {}): Child => {
  const { args = [], env, cwd, exec_args = [], output = 'inherit', errors = output } = options
  const child = fork(new URL(`./${module}.js`, import.meta.url), [...args], {
    // in a process group of its own: Ctrl-C in a terminal reaches only this process, which then stops everything in order
    detached: true,
    execArgv: [...exec_args],
    stdio: ['ignore', output, errors, 'ipc'],
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
  })
  const ended = new Promise<string>(resolve => {
    child.on('error', error => resolve(error.message))
    child.on('exit', (code, signal) => resolve(`ended with ${signal ?? `exit code ${code}`}`))
  })
  if (child.pid === undefined) throw new Error(`${module} could not be started`)
  return {
    pid: child.pid,
    process: child,
    ended,
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
      await ended
      clearTimeout(timer)
    },
  }
}
