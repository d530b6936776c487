/**
 * Stops the embedded servers when the process that started them has ended without stopping them (kill -9, out of
 * memory). src/embedded/reaper.ts starts this script; its standard input is a pipe that ends when that process ends.
 *
 * It reads these lines: `+<pid> <identity>` when a server has started, `-<pid>` when a server has ended, and `done`
 * when all servers are stopped and nothing is left to do. It is plain JavaScript, because it must run from a checkout
 * (tests) as well as from a build.
 */

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const GRACE_MS = 5_000
const LOOK_EVERY_MS = 20

/** @type {Map<number, string>} */
const servers = new Map()
let is_done = false

/**
 * Whether a server still runs. On Linux its start time, the first part of the identity, tells it from another process
 * that got its pid.
 */
const isAlive = (pid, identity) => {
  try {
    process.kill(pid, 0)
    if (process.platform !== 'linux') return true
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] !== 'Z' && fields[19] === identity.split('-')[0]
  } catch {
    return false
  }
}

const alive = () => [...servers].filter(([pid, identity]) => isAlive(pid, identity))

const send = signal => {
  for (const [pid] of alive()) {
    try {
      process.kill(pid, signal)
    } catch {
      // the process has ended meanwhile
    }
  }
}

const reap = async () => {
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    send(signal)
    const deadline = performance.now() + GRACE_MS
    while (alive().length > 0 && performance.now() < deadline) await pause(LOOK_EVERY_MS)
  }
}

const handleLine = line => {
  const [, sign, pid, identity] = /^([+-])(\d+) ?(.*)$/.exec(line) ?? []
  if (line === 'done') is_done = true
  else if (sign === '+' && Number(pid) > 1) servers.set(Number(pid), identity)
  else if (sign === '-') servers.delete(Number(pid))
}

// signals that end the programs of a terminal must not end this script, which cleans up after them
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', text => {
  const lines = (rest + text).split('\n')
  rest = lines.pop() ?? ''
  lines.forEach(handleLine)
})
// a parent that is killed can end the pipe with an error too
process.stdin.on('error', () => {})
process.stdin.on('close', async () => {
  if (!is_done) await reap()
  process.exit(0)
})
