/**
 * Runs the built program with the given arguments, and stops it when the benchmark is gone, even by kill -9. Leaves what
 * it used in the file that BENCH_USAGE_FILE names.
 */

import { writeFileSync } from 'node:fs'
import { ROOT } from './built.js'

const { BENCH_USAGE_FILE: usage_file } = process.env
if (usage_file !== undefined) {
  process.on('exit', () => writeFileSync(usage_file, JSON.stringify(process.resourceUsage())))
}

process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// the channel must not keep a program alive that has ended
process.channel?.unref()

await import(new URL('bin/jetledger.js', ROOT).href)
