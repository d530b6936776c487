// npm's `prepare`: builds the checkout, unless the compiler is not installed.
//
// npm runs this script also for an installation without development dependencies (an image), and when a user types
// `npx jetledger` before `npm ci`. A failure in the second case would leave npx's cache for this folder broken for
// good, so that `npx jetledger` would not work after `npm ci` either; bin/jetledger.js says what to do instead.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))

if (existsSync(compiler)) {
  for (const args of [[compiler, '-p', 'tsconfig.build.json'], ['scripts/build-console.mjs']]) {
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
    if (status !== 0) process.exit(status ?? 1)
  }
  process.exit(0)
}
console.log('jetledger: not built, because the development dependencies are not installed')
