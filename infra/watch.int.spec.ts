import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CONFIGS } from './config.js'
import { infraFile, ROOT } from './repository-root.js'
import { CHOICES, ofType, templatesOf, textOf } from './testing/templates.js'
import { LINES } from './watch/log-metrics.js'

const all = CHOICES.map(choice => ({
  name: `${choice.stage}, ${choice.nats}`,
  ...choice,
  templates: templatesOf(choice),
}))

describe.each(all)('the alarms of $name', ({ stage, nats, templates }) => {
  const alarms = ofType(templates, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties)

  it('are for lag, dead letters, fold mismatches, 5xx, throttling, rights, records, signed heads, imports, and our own nodes', () => {
    const nodes = nats === 'self-hosted' ? ['nats-a', 'nats-b', 'nats-c'] : []
    const expected = [
      'lag-ledger',
      'throttles-ledger',
      ...['commands', 'operations', 'projections', 'queries'].map(role => `throttles-in-${role}`),
      ...nodes.flatMap(node => ['health', 'disk', 'logins', 'violations'].map(what => `${node}-${what}`)),
      'logins-refused',
      'config-writes',
      'heads-late',
      'heads-not-kept',
      'permission-violations',
      '5xx',
      'dead-letters',
      'fold-mismatches',
      'gateway-away',
      'imports-undelivered',
    ]
    expect(alarms.map(({ AlarmName }) => AlarmName).toSorted()).toEqual(
      expected.map(name => `jetledger-${stage}-${name}`).toSorted(),
    )
  })

  it('tell somebody, and what it means', () => {
    for (const { AlarmActions, OKActions, AlarmDescription } of alarms) {
      expect([AlarmActions, OKActions].flat().map(textOf)).toEqual(
        Array(2).fill(expect.stringMatching(/RefAlarms/)),
      )
      expect(AlarmDescription.length).toBeGreaterThan(20)
    }
    expect(ofType(templates, 'AWS::SNS::Subscription')).toHaveLength(1)
  })

  it('take silence for trouble where somebody has to speak', () => {
    const silent = alarms.filter(({ TreatMissingData }) => TreatMissingData === 'breaching')
    const names = silent.map(({ AlarmName }) => AlarmName.replace(`jetledger-${stage}-`, ''))
    expect(names.filter(name => /^lag-|-health$|-away$|^heads-late$/.test(name))).toEqual(names)
    expect(names).toHaveLength(1 + 2 + (nats === 'self-hosted' ? 3 : 0))
  })

  it('read metrics that something makes', () => {
    const made = new Set(
      ofType(templates, 'AWS::Logs::MetricFilter').flatMap(([, { Properties }]) =>
        Properties.MetricTransformations.map(
          (each: { MetricNamespace: string; MetricName: string }) =>
            `${each.MetricNamespace} ${each.MetricName}`,
        ),
      ),
    )
    const read = alarms
      .filter(({ Namespace }) => Namespace?.startsWith('Jetledger'))
      .map(({ Namespace, MetricName }) => `${Namespace} ${MetricName}`)
    expect(read.length).toBeGreaterThan(5)
    expect(read.filter(name => !made.has(name))).toEqual([])
  })

  it('have a page and a budget beside them', () => {
    expect(ofType(templates, 'AWS::CloudWatch::Dashboard')).toHaveLength(1)
    const [[, budget] = ['', undefined]] = ofType(templates, 'AWS::Budgets::Budget')
    expect(budget?.Properties.Budget).toMatchObject({
      BudgetLimit: { Amount: CONFIGS[stage].budget_usd_per_month, Unit: 'USD' },
      CostFilters: { TagKeyValue: [`user:cost-centre$jetledger-${stage}`] },
    })
  })

  it('everything that can carry the tags of the budget does', () => {
    const untagged = templates.all.filter(
      ([, { Properties }]) =>
        Array.isArray(Properties?.Tags) && !JSON.stringify(Properties.Tags).includes(`jetledger-${stage}`),
    )
    expect(untagged.map(([id]) => id)).toEqual([])
  })
})

describe('the lines that are counted', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.endsWith('.spec.ts'))
    .map(path => readFileSync(join(ROOT, 'src', path), 'utf8'))
    .concat(infraFile('nats', 'probe.sh'))

  it.each(Object.entries(LINES))('%s is a line that something writes', (_, { value }) => {
    const written = [`'${value}'`, `\\"${value}\\"`]
    expect(sources.filter(text => written.some(each => text.includes(each)))).not.toEqual([])
  })
})
