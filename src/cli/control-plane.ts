/**
 * `jetledger control-plane`: accounts of NATS and their users, on servers of one's own or at Synadia Cloud. Each of its subcommands has a file
 * in the folder beside.
 */

import type { Command } from 'commander'
import { accountsCommand } from './control-plane/accounts.js'
import { applyCommand } from './control-plane/apply.js'
import { certsCommand } from './control-plane/certs.js'
import { cpCommand } from './control-plane/cp.js'
import { credsCommand } from './control-plane/creds.js'
import { deleteCommand } from './control-plane/delete.js'
import { initCommand } from './control-plane/init.js'
import { usersCommand } from './control-plane/users.js'

export const controlPlaneCommand = (program: Command): void => {
  const parent = program
    .command('control-plane')
    .description('accounts of NATS and their users: make them, hand out credentials, delete them')
  for (const add of [
    initCommand,
    certsCommand,
    accountsCommand,
    usersCommand,
    credsCommand,
    applyCommand,
    deleteCommand,
    cpCommand,
  ])
    add(parent)
}
