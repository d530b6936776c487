#!/usr/bin/env node
// Writes environment variables to files, for runtimes that pass secrets only as variables (ECS):
//   node bin/write-files.js NATS_TLS_CA=/run/jetledger/nats-ca.pem
// writes the value of $NATS_TLS_CA into that file. Only the owner can read it: the user of the next container.
import { rmSync, writeFileSync } from 'node:fs'

const pairs = process.argv.slice(2).map(pair => /^(\w+)=(\/.+)$/.exec(pair)?.slice(1) ?? [])
const wrong = pairs.filter(([variable = '']) => !process.env[variable])
if (pairs.length === 0 || wrong.length > 0) {
  console.error('write-files: give VARIABLE=/path ..., each variable set')
  process.exit(2)
}
for (const [variable, path] of pairs) {
  rmSync(path, { force: true })
  writeFileSync(path, process.env[variable], { mode: 0o400 })
}
