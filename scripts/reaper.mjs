/**
 * Stops the embedded servers when the process that started them is gone without having stopped them (kill -9, out of
 * memory). src/embedded/reaper.ts starts it, with a pipe as its standard input that ends when that process ends.
 *
 * Lines it reads: `+<pid> <identity>` a server started, `-<pid>` it ended, `done` all is stopped and nothing is to do.
 * A file of plain JavaScript, because it must run from a checkout (tests) as well as from a build.
 */

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const GRACE_MS = 5_000
const LOOK_EVERY_MS = 20

/** @type {Map<number, string>} */
const servers = new Map()
let done = false

/** On Linux the start time, the first part of the identity, tells a server from a stranger that got its pid. */
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
      // ended in between
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

const take = line => {
  const [, sign, pid, identity] = /^([+-])(\d+) ?(.*)$/.exec(line) ?? []
  if (line === 'done') done = true
  else if (sign === '+' && Number(pid) > 1) servers.set(Number(pid), identity)
  else if (sign === '-') servers.delete(Number(pid))
}

// what ends the terminal's programs must not end the one that cleans up after them
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', text => {
  const lines = (rest + text).split('\n')
  rest = lines.pop() ?? ''
  lines.forEach(take)
})
// a parent that is killed can end the pipe with an error too
process.stdin.on('error', () => {})
process.stdin.on('close', async () => {
  if (!done) await reap()
  process.exit(0)
})
