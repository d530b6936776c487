/**
 * `npm run synth`: writes every stage with every choice of NATS into cdk.out/<stage>-<nats>, checked by cdk-nag and
 * by CloudFormation's own rules. It needs no account, credentials, network or Docker. The exit code is 1 when a check
 * finds anything.
 */

import { join } from 'node:path'
import { buildApp } from './app.js'
import { NATS_CHOICES, STAGES } from './config.js'
import { ROOT } from './repository-root.js'

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

for (const stage of STAGES) {
  for (const nats of NATS_CHOICES) {
    const started_ms = performance.now()
    const folder = join('cdk.out', `${stage}-${nats}`)
    const { app } = buildApp({ stage, nats }, { outdir: join(ROOT, folder) })
    const { stacks } = app.synth()
    const took_s = ((performance.now() - started_ms) / 1_000).toFixed(1)
    say(`${folder}: ${stacks.length} stacks in ${took_s} s`)
    for (const { stackName, template } of stacks) {
      say(`  ${stackName}: ${Object.keys((template as { Resources: object }).Resources).length} resources`)
    }
  }
}
