/**
 * Runs one server as a child process: starts it, notices when it is ready and when it ends, and stops it, within time
 * limits.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'

/** The standard input and output of a process that is spoken to by them. */
export type Pipes = { readonly stdin: Writable; readonly stdout: Readable }

/** The program of a server, its arguments, and the check whether it is ready. */
export type ServerSpec = {
  /** The name in logs and messages, e.g. `nats-1`. */
  name: string
  binary: string
  args: readonly string[]
  /** Environment variables beside the few that every server gets. */
  env?: Readonly<Record<string, string>>
  /** The file that receives all output; it is kept over restarts. */
  log_file: string
  /** Gets the pipes of each process; then the log has its errors only. */
  onPipes?: (pipes: Pipes) => void
  /** Asks the server once, within a short time; false or a rejection means that it is not ready yet. */
  isReady: () => Promise<boolean>
  ready_timeout_ms: number
  stop_timeout_ms: number
}

/** The end of a process: its exit code, or the signal that ended it, or the error when it could not be run. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null; error?: Error }

export type Child = {
  readonly pid: number
  /** Resolves at the end of the process, whatever its cause; never rejects. */
  readonly exited: Promise<Exit>
  /** Sends SIGTERM, and SIGKILL after `stop_timeout_ms`. Resolves when the process is gone. Can be called again. */
  stop(): Promise<void>
}

const PROBE_EVERY_MS = 10
const LOG_BYTES_MAX = 10_000_000
const LOG_LINES_SHOWN = 8

/**
 * The error of a failed start. `port_clash`: the log of the server says that an address is taken, so another port may
 * help.
 */
export class StartError extends Error {
  readonly port_clash: boolean
  constructor(message: string, log_tail: string, options?: ErrorOptions) {
    super(log_tail === '' ? message : `${message} The end of its log:\n${log_tail}`, options)
    this.name = 'StartError'
    this.port_clash = /address already in use|port .*in use/i.test(log_tail)
  }
}

const sizeOf = (file: string): number => {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}

const openLog = (file: string): number => {
  if (sizeOf(file) > LOG_BYTES_MAX) renameSync(file, `${file}.1`)
  return openSync(file, 'a')
}

const tailOf = (file: string, from: number): string => {
  const lines = readFileSync(file).subarray(from).toString('utf8').trimEnd().split('\n')
  return lines.slice(-LOG_LINES_SHOWN).join('\n')
}

/** The environment of a server: few variables, none of which can hold a secret of this process. */
const environment = (own: ServerSpec['env'] = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR'].flatMap(name => (process.env[name] ? [[name, process.env[name]]] : [])),
  ),
  ...own,
})

const exitOf = (child: ChildProcess): Promise<Exit> =>
  new Promise(resolve => {
    child.on('error', error => resolve({ code: null, signal: null, error }))
    child.on('exit', (code, signal) => resolve({ code, signal }))
  })

const describe = ({ code, signal, error }: Exit): string =>
  error ? `could not be run: ${error.message}` : `ended with ${signal ?? `exit code ${code}`}`

const stopper = (
  child: ChildProcess,
  exited: Promise<Exit>,
  stop_timeout_ms: number,
): (() => Promise<void>) => {
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), stop_timeout_ms)
    await exited
    clearTimeout(timer)
  }
  let stopping: Promise<void> | undefined
  return () => {
    stopping ??= stop()
    return stopping
  }
}

/**
 * Starts a server and resolves when it is ready. `on_spawn` is called with the pid at once, before the server is ready.
 * Rejects with a `StartError` when the server ends or is not ready in time. After a rejection, also after an abort of
 * `signal`, no process is left.
 */
export const startChild = async (
  spec: ServerSpec,
  on_spawn: (pid: number) => void,
  signal: AbortSignal,
): Promise<Child> => {
  signal.throwIfAborted()
  const log = openLog(spec.log_file)
  const log_start = sizeOf(spec.log_file)
  const process_started = spawn(spec.binary, spec.args, {
    // a process group of its own: Ctrl-C in a terminal must reach only this process, which stops the servers in order
    detached: true,
    stdio: spec.onPipes === undefined ? ['ignore', log, log] : ['pipe', 'pipe', log],
    env: environment(spec.env),
  })
  closeSync(log)
  const { stdin, stdout } = process_started
  if (stdin !== null && stdout !== null) spec.onPipes?.({ stdin, stdout })
  const exited = exitOf(process_started)
  const { pid } = process_started
  const stop = stopper(process_started, exited, spec.stop_timeout_ms)
  let exit: Exit | undefined
  void exited.then(how => {
    exit = how
  })
  const fail = (what: string): StartError =>
    new StartError(`${spec.name} (${spec.binary}) ${what}.`, tailOf(spec.log_file, log_start), {
      cause: exit?.error,
    })

  if (pid === undefined) {
    exit = await exited
    throw fail(describe(exit))
  }
  try {
    on_spawn(pid)
  } catch (error) {
    await stop()
    throw error
  }
  const deadline = performance.now() + spec.ready_timeout_ms
  while (!(await spec.isReady().catch(() => false))) {
    if (exit !== undefined) throw fail(describe(exit))
    if (signal.aborted || performance.now() > deadline) {
      await stop()
      signal.throwIfAborted()
      throw fail(`was not ready in ${spec.ready_timeout_ms} ms`)
    }
    await pause(PROBE_EVERY_MS)
  }
  // if this server has just ended, a foreign server on the same port may have answered
  if (exit !== undefined) throw fail(describe(exit))
  return { pid, exited, stop }
}
