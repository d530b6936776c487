#!/usr/bin/env node
// Starts the compiled command line. The package's `bin` has to exist before the build has run, so it is this plain
// file.
import { existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (!existsSync(main)) {
  console.error('jetledger is not built yet: run "npm ci" in the checkout')
  process.exit(1)
}
await import(main.href)
