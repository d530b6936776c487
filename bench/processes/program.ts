/** Runs the built program with the given arguments, and stops it when the benchmark is gone, even by kill -9. */

import { ROOT } from './built.js'

process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
// the channel must not keep a program alive that has ended
process.channel?.unref()

await import(new URL('bin/jetledger.js', ROOT).href)
