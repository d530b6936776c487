/**
 * The subcommands in the groups of the help text, how the file that adds each is loaded, and an example of each call. The
 * help, the completion of shells and docs/commands.md are made from these and from what the files say of themselves.
 */

import type { Command } from 'commander'
import { callsOf, pathOf } from './calls.js'

type AddCommand = (program: Command) => void

/** A file that adds subcommands: their names, in the order of the help text, and how it is loaded. */
type CommandFile = {
  readonly names: readonly string[]
  readonly load: () => Promise<AddCommand>
}

type Group = { readonly heading: string; readonly files: readonly CommandFile[] }

const GROUPS: readonly Group[] = [
  {
    heading: 'Run a ledger:',
    files: [
      { names: ['dev'], load: async () => (await import('./dev.js')).devCommand },
      { names: ['serve'], load: async () => (await import('./serve.js')).serveCommand },
      { names: ['seed'], load: async () => (await import('./seed.js')).seedCommand },
      { names: ['sample'], load: async () => (await import('./sample.js')).sampleCommand },
    ],
  },
  {
    heading: 'Ask and write:',
    files: [
      { names: ['request'], load: async () => (await import('./request.js')).requestCommand },
      {
        names: ['credit', 'debit', 'transfer', 'batch'],
        load: async () => (await import('./command-request.js')).movementCommands,
      },
      { names: ['explain'], load: async () => (await import('./explain.js')).explainCommand },
      { names: ['account', 'holds'], load: async () => (await import('./account.js')).accountCommands },
      {
        names: ['hold', 'capture', 'release', 'limit', 'restrict'],
        load: async () => (await import('./rule-request.js')).ruleCommands,
      },
      { names: ['reverse'], load: async () => (await import('./reverse.js')).reverseCommand },
      { names: ['import'], load: async () => (await import('./import.js')).importCommand },
      { names: ['export'], load: async () => (await import('./export.js')).exportCommand },
      { names: ['publish'], load: async () => (await import('./publish.js')).publishCommand },
    ],
  },
  {
    heading: 'Look after it:',
    files: [
      { names: ['status'], load: async () => (await import('./status.js')).statusCommand },
      { names: ['events'], load: async () => (await import('./events.js')).eventsCommand },
      { names: ['dead-letters'], load: async () => (await import('./dead-letters.js')).deadLettersCommand },
      { names: ['parked'], load: async () => (await import('./parked.js')).parkedCommand },
      { names: ['replay'], load: async () => (await import('./replay.js')).replayCommand },
      { names: ['assets'], load: async () => (await import('./assets.js')).assetsCommand },
      { names: ['schema'], load: async () => (await import('./schema.js')).schemaCommand },
      { names: ['stream'], load: async () => (await import('./stream.js')).streamCommand },
      { names: ['erase'], load: async () => (await import('./erase.js')).eraseCommand },
      { names: ['recover'], load: async () => (await import('./recover.js')).recoverCommand },
    ],
  },
  {
    heading: 'Check it:',
    files: [
      { names: ['verify'], load: async () => (await import('./verify.js')).verifyCommand },
      { names: ['heads'], load: async () => (await import('./heads.js')).headsCommand },
      { names: ['prove'], load: async () => (await import('./prove.js')).proveCommand },
      { names: ['chaos'], load: async () => (await import('./chaos.js')).chaosCommand },
    ],
  },
  {
    heading: 'Users and this program:',
    files: [
      { names: ['context'], load: async () => (await import('./context.js')).contextCommand },
      { names: ['permissions'], load: async () => (await import('./permissions.js')).permissionsCommand },
      {
        names: ['control-plane'],
        load: async () => (await import('./control-plane.js')).controlPlaneCommand,
      },
      { names: ['completion'], load: async () => (await import('./completion.js')).completionCommand },
      { names: ['version'], load: async () => (await import('./version.js')).versionCommand },
    ],
  },
]

/** One line that can be typed for each call, by the words that name it. */
const EXAMPLES: Readonly<Record<string, string>> = {
  dev: 'jetledger dev --cluster --data-dir /tmp/ledger',
  serve: 'NATS_URL=nats://nats.example:4222 jetledger serve --roles commands,queries',
  seed: 'jetledger seed',
  sample: 'jetledger sample --customers 100 --events 5000 --rate 200',
  request: `jetledger request customer.balance '{"client_id":"678"}'`,
  credit: 'jetledger credit 678 100 --transaction-id order-5512',
  debit: 'jetledger debit 678 40 --reference "order 5512"',
  transfer: 'jetledger transfer 678 679 50',
  explain: 'jetledger explain order-5512',
  account: 'jetledger account 678',
  holds: 'jetledger holds 678',
  hold: 'jetledger hold 678 300 --transaction-id call-17 --expires-in 600',
  capture: 'jetledger capture 678 call-17 --amount 120',
  release: 'jetledger release 678 call-17',
  limit: 'jetledger limit 678 500',
  restrict: 'jetledger restrict 678 frozen --reason "chargeback 81"',
  reverse: 'jetledger reverse order-5512 --amount 30 --reversal-id refund-7',
  batch: 'jetledger batch salaries.json --all',
  import: 'jetledger import payments.csv --rejects payments.rejects.csv',
  'export events': 'jetledger export events --out events.csv',
  'export balances': 'jetledger export balances --format csv > balances.csv',
  'export statement': 'jetledger export statement 678 --from 2026-11-01 --to 2026-12-01 --out 678.csv',
  publish: 'jetledger publish 678 debit 25',
  status: 'jetledger status --watch',
  events: 'jetledger events --follow --client-id 678',
  'dead-letters list': 'jetledger dead-letters list --client-id 678',
  'dead-letters show': 'jetledger dead-letters show 1005',
  'dead-letters retry': `jetledger dead-letters retry 1005 --body '{"type":"debit","amount":25}' --reason "a typing error"`,
  'dead-letters discard': 'jetledger dead-letters discard 1005 --reason "sent twice"',
  'parked list': 'jetledger parked list',
  'parked skip': 'jetledger parked skip 1007 --reason "sent by a test program"',
  replay: 'jetledger replay --keep',
  'assets list': 'jetledger assets list',
  'assets add': 'jetledger assets add EUR --scale 2 --name Euro',
  schema: 'jetledger schema 2',
  'stream show': 'jetledger stream show',
  'stream apply': 'jetledger stream apply --dry-run',
  erase: 'jetledger erase 678 --reason "request 51"',
  recover: 'jetledger recover',
  verify: 'jetledger verify --customer 678',
  'heads key': 'jetledger heads key head.nk',
  'heads show': 'jetledger heads show',
  'heads export': 'jetledger heads export --last 1 > heads.jsonl',
  'heads begin': 'jetledger heads begin --reason "a new key"',
  prove: 'jetledger prove 1001 > proof.json',
  chaos: 'jetledger chaos --duration 60',
  'context add':
    'jetledger context add staging --server tls://nats.staging.example:4222 --creds ~/staging.creds',
  'context list': 'jetledger context list',
  'context use': 'jetledger context use staging',
  'context remove': 'jetledger context remove staging',
  'permissions nsc': 'jetledger permissions nsc --account LEDGER > users.sh',
  'permissions nats-server': 'jetledger permissions nats-server > authorization.conf',
  'permissions json': 'jetledger permissions json',
  'control-plane init': 'jetledger control-plane init --keys keys --accounts-dir accounts',
  'control-plane certs': 'jetledger control-plane certs certs nats-1.example',
  'control-plane accounts list': 'jetledger control-plane accounts list --keys keys',
  'control-plane accounts create': 'jetledger control-plane accounts create LEDGER --keys keys',
  'control-plane users list': 'jetledger control-plane users list LEDGER --keys keys',
  'control-plane users create': 'jetledger control-plane users create LEDGER reader --keys keys --name ann',
  'control-plane users revoke': 'jetledger control-plane users revoke LEDGER ann --keys keys',
  'control-plane creds': 'jetledger control-plane creds LEDGER ann --keys keys --out ann.creds',
  'control-plane apply': 'jetledger control-plane apply accounts.json --keys keys --dry-run',
  'control-plane delete': 'jetledger control-plane delete LEDGER --keys keys',
  'control-plane cp': 'jetledger control-plane cp --action list --initials ada',
  'completion bash': 'source <(jetledger completion bash)',
  'completion zsh': 'source <(jetledger completion zsh)',
  'completion fish': 'jetledger completion fish | source',
  version: 'jetledger version',
}

/** A script of completion is made of all subcommands. */
const NEEDS_ALL = 'completion'

/** The functions that add the subcommand of this name; those of all subcommands when none has it, or when it needs them. */
export const loadSubcommands = (name: string | undefined): Promise<readonly AddCommand[]> => {
  const files = GROUPS.flatMap(group => group.files)
  const called = name === NEEDS_ALL ? [] : files.filter(({ names }) => names.some(each => each === name))
  return Promise.all((called.length > 0 ? called : files).map(({ load }) => load()))
}

/** The example of a call; undefined when it has none. */
export const exampleOf = (call: Command): string | undefined => EXAMPLES[pathOf(call).join(' ')]

/** Puts the subcommands that were added to `program` in the groups of its help, and an example below each help. */
export const arrangeHelp = (program: Command): void => {
  for (const command of program.commands) {
    const group = GROUPS.find(({ files }) => files.some(({ names }) => names.includes(command.name())))
    if (group !== undefined) command.helpGroup(group.heading)
  }
  for (const call of callsOf(program)) {
    const example = exampleOf(call)
    if (example !== undefined) call.addHelpText('after', `\nExample:\n  ${example}`)
  }
}
