import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { startEmbedded } from './index.js'
import { identityOf, isAlive } from './process-identity.js'

type Process = { pid: number; identity: string }
type Parent = { child: ChildProcess; servers: Process[]; reaper: Process }

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** Builds the program that is killed here: it must be a whole process, and Node 20 cannot run TypeScript. */
const build = (root: string): void => {
  for (const name of ['node_modules', 'scripts']) symlinkSync(join(repository, name), join(root, name))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  const compilerOptions = { noEmit: false, rootDir: join(repository, 'src'), outDir: join(root, 'dist') }
  const files = [join(repository, 'src', 'embedded', 'index.ts')]
  const config = { extends: join(repository, 'tsconfig.json'), compilerOptions, files, include: [] }
  writeFileSync(join(root, 'tsconfig.json'), JSON.stringify(config))
  execFileSync(process.execPath, [join(repository, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root])
  writeFileSync(
    join(root, 'parent.js'),
    `import { pino } from 'pino'
    import { startEmbedded } from './dist/embedded/index.js'
    const { servers } = await startEmbedded({
      data_dir: process.argv[2], nats_port: 0, dynamodb_port: 0, cluster: false, sync_interval: 'always',
      log: pino({ level: 'silent' }), on_gave_up: () => {},
    })
    process.stdout.write(JSON.stringify(servers.map(({ pid }) => pid)) + '\\n')`,
  )
}

const withIdentity = (pid: number): Process => ({ pid, identity: identityOf(pid) ?? 'none' })

const childrenOf = (parent: number): { pid: number; command: string }[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, ppid]) => Number(ppid) === parent)
    .map(([pid, , ...command]) => ({ pid: Number(pid), command: command.join(' ') }))

let root: string
let data_dir: string
let parents: Parent[]
beforeAll(() => {
  root = newFolder()
  build(root)
})
afterAll(() => removeFolder(root))
beforeEach(() => {
  data_dir = newFolder()
  parents = []
})
afterEach(async () => {
  for (const { child, servers, reaper } of parents) {
    child.kill('SIGKILL')
    for (const { pid, identity } of [reaper, ...servers])
      if (isAlive(pid, identity)) process.kill(pid, 'SIGKILL')
  }
  removeFolder(data_dir)
})

const startParent = async (): Promise<Parent> => {
  const child = spawn(process.execPath, [join(root, 'parent.js'), data_dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface(child.stdout), 'line')
  const servers = (JSON.parse(line) as number[]).map(withIdentity)
  const reaper = childrenOf(child.pid ?? 0).find(({ command }) => command.includes('reaper.mjs'))
  const parent = { child, servers, reaper: withIdentity(reaper?.pid ?? 0) }
  parents.push(parent)
  return parent
}

const kill = async ({ child }: Parent): Promise<void> => {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const gone = (processes: Process[]) => () => processes.every(({ pid, identity }) => !isAlive(pid, identity))

it('no process is left when ours is killed with -9, not even the reaper', async () => {
  const parent = await startParent()
  expect(parent.servers).toHaveLength(2)
  expect(parent.reaper.identity).not.toBe('none')
  await kill(parent)
  const what = 'the reaper to stop the servers'
  await until(gone([...parent.servers, parent.reaper]), { deadline_ms: 30_000, what })
})

/**
 * Whether the reaper is ready: it installs its handler for SIGHUP last, and Node by itself does not catch that
 * signal. Linux shows which signals a process catches.
 */
const catchesHangUp = ({ pid }: Process): boolean => {
  if (process.platform !== 'linux') return true
  const [, caught = '0'] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (BigInt(`0x${caught}`) & 1n) === 1n
}

it('the reaper survives the signals that end a terminal', async () => {
  const parent = await startParent()
  // on a busy machine the servers are ready before the reaper
  await until(() => catchesHangUp(parent.reaper), { deadline_ms: 30_000, what: 'the reaper to be ready' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(parent.reaper.pid, signal)
  await kill(parent)
  await until(gone(parent.servers), { deadline_ms: 30_000, what: 'the reaper to stop the servers' })
})

it('what is left when the reaper was killed too is stopped by the next start, on the same data', async () => {
  const parent = await startParent()
  process.kill(parent.reaper.pid, 'SIGKILL')
  await until(gone([parent.reaper]), { deadline_ms: 30_000, what: 'the end of the reaper' })
  await kill(parent)
  expect(gone(parent.servers.slice(0, 1))()).toBe(false)
  expect(gone(parent.servers.slice(1))()).toBe(false)

  const options = { data_dir, nats_port: 0, dynamodb_port: 0, cluster: false, sync_interval: 'always' }
  const next = await startEmbedded({ ...options, log: pino({ level: 'silent' }), on_gave_up: () => {} })
  expect(gone(parent.servers)()).toBe(true)
  await next.stop()
  expect(existsSync(join(data_dir, 'run.json'))).toBe(false)
})

it('a run in another process is refused, named by its pid', async () => {
  const { child } = await startParent()
  const options = { data_dir, nats_port: 0, dynamodb_port: 0, cluster: false, sync_interval: 'always' }
  await expect(
    startEmbedded({ ...options, log: pino({ level: 'silent' }), on_gave_up: () => {} }),
  ).rejects.toThrow(`is in use by process ${child.pid}:`)
})
