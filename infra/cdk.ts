/**
 * `npm run diff|deploy|destroy -- --stage <stage> --nats <choice> [more for cdk]`: runs the CDK's command line on
 * this app.
 *
 * A deployment writes the stacks' outputs to cdk.out/outputs-<stage>.json. Before a destruction it prints which
 * resources stay.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Choice, decodeChoice } from './choice.js'
import { ROOT } from './repository-root.js'
import { RETAINED } from './retained.js'

const VERBS = ['list', 'diff', 'deploy', 'destroy'] as const
type Verb = (typeof VERBS)[number]

const APP = 'node infra/dist/infra/main.js'

const argumentsOf = (verb: Verb, { stage, nats }: Choice, rest: readonly string[]): string[] => [
  verb,
  ...['--app', APP, '-c', `stage=${stage}`, '-c', `nats=${nats}`, '--output', `cdk.out/${stage}-${nats}`],
  ...(verb === 'deploy' ? ['--outputs-file', `cdk.out/outputs-${stage}.json`] : []),
  // without the name of a stack the command is for all stacks
  ...(verb === 'list' || rest.some(argument => argument.startsWith('jetledger-')) ? [] : ['--all']),
  ...rest,
]

const main = (): number => {
  const [verb, ...given] = process.argv.slice(2)
  const known = VERBS.find(each => each === verb)
  if (known === undefined) throw new Error(`say ${VERBS.join('|')}`)
  const { values, tokens } = parseArgs({
    args: given,
    options: { stage: { type: 'string' }, nats: { type: 'string' } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const choice = decodeChoice({ stage: values.stage, nats: values.nats })
  const ours = new Set(
    tokens.flatMap(token =>
      token.kind === 'option' && ['stage', 'nats'].includes(token.name)
        ? [token.index, ...(token.inlineValue ? [] : [token.index + 1])]
        : [],
    ),
  )
  if (known === 'destroy') process.stdout.write(RETAINED(choice))
  const { status } = spawnSync(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'aws-cdk', 'bin', 'cdk'),
      ...argumentsOf(
        known,
        choice,
        given.filter((_, i) => !ours.has(i)),
      ),
    ],
    {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, CDK_DISABLE_CLI_TELEMETRY: 'true' },
    },
  )
  return status ?? 1
}

try {
  process.exitCode = main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 2
}
