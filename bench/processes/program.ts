/**
 * Runs the built program with the given arguments, and stops it when the benchmark is gone, even after kill -9. At its end it
 * writes its resource usage into the file that BENCH_USAGE_FILE names.
 */

import { writeFileSync } from 'node:fs'
import { ROOT } from './built.js'

const { BENCH_USAGE_FILE: usage_file } = process.env
if (usage_file !== undefined) {
  process.on('exit', () => writeFileSync(usage_file, JSON.stringify(process.resourceUsage())))
}

process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// the IPC channel must not keep the process alive when the program has ended
process.channel?.unref()

await import(new URL('bin/jetledger.js', ROOT).href)
