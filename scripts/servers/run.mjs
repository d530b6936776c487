/**
 * Runs a package manager within a time limit; at the limit it ends the package manager and everything that it
 * started.
 */

import { spawn } from 'node:child_process'

const OUTPUT_CHARS_MAX = 100_000

/** The process groups that run now. A signal to this program ends them, because their result would not be used. */
const running = new Set()

const endGroup = pid => {
  try {
    // the whole group, because a wrapper (pyenv's `pip` is a shell script) would leave its children behind
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

for (const [signal, exit_code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.once(signal, () => {
    for (const pid of running) endGroup(pid)
    process.exit(exit_code)
  })
}

/**
 * Runs a program and resolves with its end: `{ status, output }`, or `{ is_missing }` when the program does not
 * exist, or `{ is_late }` when it was ended at the time limit. Never rejects.
 */
export const run = (command, args, { cwd, env, time_limit_s }) =>
  new Promise(resolve => {
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const collect = chunk => {
      output = `${output}${chunk}`.slice(-OUTPUT_CHARS_MAX)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    let is_late = false
    const timer = setTimeout(() => {
      is_late = true
      endGroup(child.pid)
    }, time_limit_s * 1_000)
    const end = outcome => {
      clearTimeout(timer)
      running.delete(child.pid)
      resolve({ output, ...outcome })
    }
    if (child.pid !== undefined) running.add(child.pid)
    child.once('error', error =>
      end(error.code === 'ENOENT' ? { is_missing: true } : { output: error.message }),
    )
    child.once('close', (status, signal) => end(is_late ? { is_late } : { status: status ?? signal }))
  })
