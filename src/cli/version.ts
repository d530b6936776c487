/**
 * `jetledger version`: what to name in a report of a fault: the program, its commit, Node, and the servers that it starts.
 */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { findServerBinary, installedServers, type ServerProgram, versionOf } from '../embedded/binaries.js'
import { print, printJson } from '../process/output.js'
import { VERSION } from '../process/version.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const GIT_MS_MAX = 2_000
const UNKNOWN = 'unknown'

/** The commit of the checkout, with `-dirty` for a changed one; an image says in JETLEDGER_COMMIT what it was built from. */
const commit = (): string => {
  if (process.env.JETLEDGER_COMMIT) return process.env.JETLEDGER_COMMIT
  if (!existsSync(`${ROOT}.git`)) return UNKNOWN
  try {
    const args = ['-C', ROOT, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude', '*']
    return execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe', timeout: GIT_MS_MAX }).trim()
  } catch {
    return UNKNOWN
  }
}

/** The version of the server that `jetledger dev` would start, or the sentence that says why there is none. */
const serverVersion = (program: ServerProgram): string => {
  try {
    const path = findServerBinary(program)
    const pinned = installedServers(program).find(installed => installed.path === path)
    if (pinned !== undefined) return pinned.version
    return program === 'nats-server' ? versionOf(path) : `of an unknown version, ${path}`
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

const version = ({ json }: { readonly json?: true }): void => {
  const found = {
    jetledger: VERSION,
    commit: commit(),
    node: process.versions.node,
    nats_server: serverVersion('nats-server'),
    dynoxide: serverVersion('dynoxide'),
    platform: `${process.platform}-${process.arch}`,
  }
  if (json) {
    printJson(found)
    return
  }
  print(`jetledger    ${found.jetledger}, commit ${found.commit}`)
  print(`node         ${found.node}, ${found.platform}`)
  print(`nats-server  ${found.nats_server}`)
  print(`dynoxide     ${found.dynoxide}`)
}

const HELP = `
The servers are those that "jetledger dev" starts; "jetledger status" names the servers of a running ledger.`

export const versionCommand = (program: Command): void => {
  program
    .command('version')
    .description('the versions of this program, its commit, Node, and the servers that it starts')
    .option('--json', 'print them as JSON')
    .addHelpText('after', HELP)
    .action(version)
}
