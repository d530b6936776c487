/**
 * The options `--server`, `--creds` and `--context`, which every call has that goes to a ledger.
 */

import type { Command } from 'commander'
import { type ConnectionOptions, chooseConnection } from '../process/environment.js'
import { callsOf, pathOf } from './calls.js'

/** The calls that go to no ledger, or to one that they start themselves: by the words that name them or begin their names. */
const WITHOUT_CONNECTION: readonly string[] = [
  'dev',
  'chaos',
  'context',
  'permissions',
  'control-plane',
  'completion',
  'version',
  'heads key',
]

const goesToLedger = (call: Command): boolean => {
  const path = pathOf(call).join(' ')
  return !WITHOUT_CONNECTION.some(name => path === name || path.startsWith(`${name} `))
}

const GROUP = 'Which ledger:'

/** Adds the options to the calls that were added to `program`, and hands their values to the connection before a call runs. */
export const addConnectionOptions = (program: Command): void => {
  for (const call of callsOf(program).filter(goesToLedger))
    call
      .optionsGroup(GROUP)
      .option('--server <url>', 'instead of NATS_URL: where its NATS is, nats://host:4222 or tls://host:4222')
      .option('--creds <file>', 'instead of every other login: the path of a .creds file')
      .option('--context <name>', 'a context: ours ("jetledger context list") or one of the nats command')
  program.hook('preAction', (_, call) => {
    if (!goesToLedger(call)) return
    const { server, creds, context } = call.opts<ConnectionOptions>()
    chooseConnection({
      ...(server === undefined ? {} : { server }),
      ...(creds === undefined ? {} : { creds }),
      ...(context === undefined ? {} : { context }),
    })
  })
}
