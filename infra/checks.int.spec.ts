import { execFileSync } from 'node:child_process'
import { CfnBucket } from 'aws-cdk-lib/aws-s3'
import { expect, it } from 'vitest'
import { CONFIGS, configProblems } from './config.js'
import { ROOT } from './repository-root.js'
import { summaryOf } from './testing/summary.js'
import { buildForTest, templatesOf } from './testing/templates.js'

const DEV = { stage: 'dev', nats: 'synadia' } as const
const PROD = { stage: 'prod', nats: 'self-hosted' } as const

it.each([DEV, { ...DEV, nats: 'self-hosted' } as const, { ...PROD, nats: 'synadia' } as const, PROD])(
  '$stage with $nats passes cdk-nag and the rules of CloudFormation',
  choice => {
    expect(buildForTest(choice).app.synth().stacks.length).toBeGreaterThanOrEqual(5)
  },
)

it('a bucket that anybody may read and ask for without TLS would not pass', () => {
  const { app, services } = buildForTest(DEV)
  new CfnBucket(services, 'Careless', {})
  expect(() => app.synth()).toThrow()
})

it('types, open ports and policies change only on purpose', async () => {
  for (const choice of [DEV, PROD]) {
    await expect(summaryOf(templatesOf(choice))).toMatchFileSnapshot(
      `testing/${choice.stage}-${choice.nats}.txt`,
    )
  }
})

it('a configuration that cannot work is refused with sentences', () => {
  const wrong = {
    ...CONFIGS.dev,
    zones: ['eu-central-1a', 'eu-central-1a', 'eu-west-1c'],
    projections: { ...CONFIGS.dev.projections, min: 1 },
    queries: { cpu: 1_024, memory_mib: 512, min: 2, max: 1 },
  } as const
  expect(configProblems(CONFIGS.dev)).toEqual([])
  expect(configProblems(CONFIGS.prod)).toEqual([])
  expect(configProblems(wrong)).toEqual([
    'zones: three different ones are needed',
    'zones: eu-west-1c is not in eu-central-1',
    'queries: min 2 and max 1 are no range',
    'queries: 512 MiB do not go with CPU 1024',
    'projections: one active and one standby are two',
    'queries: at least 3',
  ])
  expect(() => buildForTest(DEV, wrong)).toThrow('infra/config.ts, dev: zones')
})

it("npm run diff, deploy and destroy give the CDK's command line the stacks of a stage", () => {
  const npm = (...args: string[]): string =>
    execFileSync('npm', ['run', '--silent', ...args], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' })
  npm('infra')
  const run = (...args: string[]): string =>
    execFileSync('node', ['infra/dist/infra/cdk.js', ...args], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' })
  const parts = ['foundation', 'nats', 'network', 'services', 'tables', 'watch']
  const listed = run('list', '--stage', 'prod', '--nats=self-hosted').trim().split('\n')
  expect(listed.toSorted()).toEqual(parts.map(part => `jetledger-prod-${part}`))
  expect(() => run('deploy', '--stage', 'prod')).toThrow(
    /say --stage dev\|prod and --nats synadia\|self-hosted/,
  )
})
