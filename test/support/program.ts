/** Runs the built program as a user does: as child processes in a folder of their own, which are gone after `end`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, type NatsConnection } from 'nats'
import { isAlive } from '../../src/embedded/process-identity.js'
import { newFolder, removeFolder, until } from './servers.js'

type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

/** A process of the program that runs until it is stopped. */
export type Program = {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  readonly running: () => boolean
  /** Sends a signal (SIGINT is Ctrl-C) and waits for the end. */
  readonly end: (signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL') => Promise<Exit>
}

/** The exit code and output of a subcommand that has ended. */
export type Finished = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** A server process as `run.json` lists it; `identity` distinguishes it from a later process with the same pid. */
export type ServerProcess = { readonly name: string; readonly pid: number; readonly identity: string }

export type Dev = Program & {
  readonly nats_url: string
  readonly dynamodb_endpoint: string
  readonly health_url: string
  readonly ready_ms: number
  /** The servers that are running. */
  readonly servers: () => readonly ServerProcess[]
}

type Env = Readonly<Record<string, string>>

export type Workbench = {
  /** The working directory of every process; `jetledger dev` keeps its data in its subfolder `.jetledger`. */
  readonly folder: string
  /** Starts a subcommand that runs until it is stopped; `input` is what its standard input holds. */
  readonly start: (args: readonly string[], env?: Env, input?: string) => Program
  /** The same for another build of the program: `main` is the file that Node runs. */
  readonly startOther: (main: string, args: readonly string[], env?: Env) => Program
  /** Starts `jetledger dev` on free ports and waits until it is ready. */
  readonly dev: (...args: readonly string[]) => Promise<Dev>
  /** The same as `dev`, with additional environment variables. */
  readonly devWith: (env: Env, ...args: readonly string[]) => Promise<Dev>
  /** Runs a subcommand to its end. */
  readonly run: (args: readonly string[], env?: Env) => Promise<Finished>
  /** Connects a client that reconnects for ever and is closed at the end. */
  readonly connect: (url: string) => Promise<NatsConnection>
  /** Adds a function that is called at the end. */
  readonly atEnd: (stop: () => Promise<void> | void) => void
  /** Ends every process that was started here, including servers, even after a failed test, and removes the folder. */
  readonly end: () => Promise<void>
}

const BIN = fileURLToPath(new URL('../../bin/jetledger.js', import.meta.url))
const READY_MS_MAX = 60_000
const RUN_MS_MAX = 30_000
const EXIT_MS_MAX = 20_000
const CONNECT_MS_MAX = 10_000

/** The developer may have variables for another ledger; none of them may reach the program. */
const OWN_VARIABLES = /^(NATS_(?!SERVER_BIN)|AWS_|DDB_|JETLEDGER_|HTTP_PORT$|LOG_LEVEL$)/
const environment = (env: Env): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN_VARIABLES.test(name))),
  ...env,
})

/** The servers of the `dev` that has its data in this folder; none when it is stopped. */
export const serversIn = (folder: string): readonly ServerProcess[] => {
  try {
    const text = readFileSync(join(folder, '.jetledger', 'run.json'), 'utf8')
    return (JSON.parse(text) as { servers: ServerProcess[] }).servers
  } catch {
    return []
  }
}

/** True when exactly this process still runs. */
export const isRunning = ({ pid, identity }: ServerProcess): boolean => isAlive(pid, identity)

/** Sends `kill -9`; a process that is already gone is not an error. */
export const killNow = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Wraps a child process and keeps its output. */
export const programOf = (child: ChildProcess): Program => {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  }
  let exit: Exit | undefined
  // `close` and not `exit`: only then is the output complete
  child.on('close', (code, signal) => {
    exit = { code, signal }
  })
  const { pid } = child
  if (pid === undefined) throw new Error('The program could not be started')
  return {
    pid,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    running: () => exit === undefined,
    end: signal => {
      if (exit === undefined) child.kill(signal)
      return until(() => exit, { deadline_ms: EXIT_MS_MAX, what: `the program to end after ${signal}` })
    },
  }
}

const startIn = (folder: string, call: readonly string[], env: Env, input?: string): Program => {
  const child = spawn(process.execPath, call, {
    cwd: folder,
    // the contexts of the developer must not reach the program
    env: environment({ XDG_CONFIG_HOME: join(folder, '.config'), ...env }),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(input)
  return programOf(child)
}

/** Waits for `ready`. Fails at once, with the program's output, when the program ends before. */
export const untilReady = async (
  program: Program,
  what: string,
  ready: () => boolean | Promise<boolean>,
): Promise<void> => {
  await until(async () => (await ready()) || !program.running(), { deadline_ms: READY_MS_MAX, what })
  if (!program.running()) throw new Error(`The program ended before ${what}:\n${program.stderr()}`)
}

const devIn = async (
  folder: string,
  start: Workbench['start'],
  args: readonly string[],
  env: Env = {},
): Promise<Dev> => {
  const began_ms = performance.now()
  const free_ports = ['--nats-port', '0', '--dynamodb-port', '0', '--http-port', '0']
  const program = start(['dev', ...free_ports, ...args], env)
  await untilReady(program, 'dev to be ready', () => program.stdout().includes('nats req --server'))
  const ready_ms = Math.round(performance.now() - began_ms)
  const said = (name: string): string =>
    new RegExp(`^ +${name} +(\\S+)$`, 'm').exec(program.stdout())?.[1] ?? ''
  return {
    ...program,
    nats_url: said('NATS'),
    dynamodb_endpoint: said('DynamoDB'),
    health_url: said('health'),
    ready_ms,
    servers: () => serversIn(folder),
  }
}

const runToEnd = async (start: Workbench['start'], args: readonly string[], env?: Env): Promise<Finished> => {
  const program = start(args, env)
  const what = `the end of jetledger ${args.join(' ')}`
  await until(() => !program.running(), { deadline_ms: RUN_MS_MAX, what })
  const { code } = await program.end('SIGKILL')
  return { code, stdout: program.stdout(), stderr: program.stderr() }
}

/** Makes a folder and a workbench, with which a test starts processes in it. */
export const openWorkbench = (): Workbench => {
  const folder = newFolder()
  const programs: Program[] = []
  const stops: (() => Promise<void> | void)[] = []

  const begin = (call: readonly string[], env: Env = {}, input?: string): Program => {
    const program = startIn(folder, call, env, input)
    programs.push(program)
    return program
  }
  const start: Workbench['start'] = (args, env, input) => begin([BIN, ...args], env, input)

  const end = async (): Promise<void> => {
    const results = await Promise.allSettled([
      ...stops.reverse().map(async stop => stop()),
      ...programs.map(program => program.end('SIGKILL')),
    ])
    const servers = serversIn(folder)
    for (const server of servers) if (isRunning(server)) killNow(server.pid)
    await until(() => !servers.some(isRunning), { deadline_ms: EXIT_MS_MAX, what: 'the end of the servers' })
    removeFolder(folder)
    const failed = results.find(result => result.status === 'rejected')
    if (failed) throw failed.reason
  }

  return {
    folder,
    start,
    startOther: (main, args, env) => begin([main, ...args], env),
    dev: (...args) => devIn(folder, start, args),
    devWith: (env, ...args) => devIn(folder, start, args, env),
    run: (args, env) => runToEnd(start, args, env),
    connect: async url => {
      const nc = await connect({
        servers: url.split(','),
        timeout: CONNECT_MS_MAX,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 50,
      })
      stops.push(() => nc.close())
      return nc
    },
    atEnd: stop => {
      stops.push(stop)
    },
    end,
  }
}
