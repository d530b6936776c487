import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CREDENTIALS, type Credentials } from './names.js'
import { ROOT } from './repository-root.js'
import { CHOICES, ofType, type Templates, templatesOf, textOf } from './testing/templates.js'

type Statement = {
  readonly Effect: string
  readonly Action: string | string[]
  readonly Resource: unknown
  readonly Condition?: object
}

/** The objects of the bucket of signed heads, which the projections may add to and not read. */
const HEADS = [
  expect.stringMatching(/^<jetledger-prod-foundation:ExportsOutputFnGetAttHeads\w+Arn\w+>\/heads\/\*$/),
]

/** The bucket of imports, or its objects whose keys fit a pattern. */
const importsAt = (...patterns: readonly string[]) =>
  (patterns.length === 0 ? [''] : patterns.map(pattern => `/${pattern}`)).map(end =>
    expect.stringMatching(
      new RegExp(
        `^<jetledger-prod-foundation:ExportsOutputFnGetAttImports\\w+Arn\\w+>${end.replace(/[.*]/g, '\\$&')}$`,
      ),
    ),
  )

/** The rights of each role: for each action the tables and indexes on which it is allowed. */
const rightsOf = (templates: Templates): Record<string, Record<string, string[]>> => {
  const rights: Record<string, Record<string, string[]>> = {}
  for (const [id, { Properties }] of ofType(templates, 'AWS::IAM::Policy')) {
    const own: Record<string, string[]> = {}
    for (const { Effect, Action, Resource } of Properties.PolicyDocument.Statement as Statement[]) {
      expect(Effect).toBe('Allow')
      for (const action of [Action].flat()) {
        own[action] = [...(own[action] ?? []), ...[Resource].flat().map(textOf)].toSorted()
      }
    }
    rights[id.replace(/DefaultPolicy[0-9A-F]{8}$/, '')] = own
  }
  return rights
}

const STAGE = 'prod'
const table = (name: string): string =>
  `arn:<AWS::Partition>:dynamodb:eu-central-1:<AWS::AccountId>:table/customer-balances-${STAGE}-ledger${name}`
const TABLES = ['', '.g*'].map(table)
const SHADOWS = [table('.g*')]
const indexes = (...names: readonly string[]): string[] =>
  ['', '.g*'].flatMap(generation => names.map(name => table(`${generation}/index/${name}`))).toSorted()

const read = { 'dynamodb:BatchGetItem': TABLES, 'dynamodb:GetItem': TABLES }
const write = {
  'dynamodb:PutItem': TABLES,
  'dynamodb:UpdateItem': TABLES,
}
const describeTables = { 'dynamodb:DescribeTable': TABLES }
const query = (...names: readonly string[]) => ({ 'dynamodb:Query': indexes(...names) })
const scan = { 'dynamodb:Scan': TABLES }
const empty = { 'dynamodb:DeleteItem': TABLES, 'dynamodb:ConditionCheckItem': TABLES }

const replay = {
  ...read,
  ...write,
  ...describeTables,
  ...scan,
  'dynamodb:CreateTable': SHADOWS,
  'dynamodb:DeleteTable': SHADOWS,
}

const EXPECTED: Record<Credentials, object | undefined> = {
  commands: { ...read, ...describeTables, ...query('by-expiry') },
  projections: {
    ...read,
    ...write,
    ...describeTables,
    ...empty,
    'dynamodb:Scan': [...TABLES, ...indexes('by-id')].toSorted(),
    's3:PutObject': HEADS,
    's3:PutObjectRetention': HEADS,
  },
  queries: { ...read, ...query('by-balance', 'by-customer', 'by-id'), ...describeTables },
  gateway: undefined,
  seed: undefined,
  replay,
  operations: replay,
  operator: replay,
  importer: {
    's3:GetObject': importsAt('*'),
    's3:ListBucket': importsAt(),
    's3:PutObject': importsAt('*.rejects.csv', '*.report.json'),
    's3:AbortMultipartUpload': importsAt('*.rejects.csv', '*.report.json'),
    's3:DeleteObject': importsAt('*.rejects.csv'),
  },
  verify: { ...read, ...describeTables, ...query('by-customer'), ...scan },
}

/** The beginning of the logical ids of a role's task. */
const taskOf = (role: Credentials): string => `services/${role}Task`

const own_nats = templatesOf({ stage: STAGE, nats: 'self-hosted' })
const rights = rightsOf(own_nats)

describe('the rights of each task', () => {
  it.each(CREDENTIALS.map(role => [role] as const))(
    '%s: exactly these in DynamoDB and the buckets, and nothing else',
    role => {
      expect(rights[`${taskOf(role)}TaskRole`]).toEqual(EXPECTED[role])
      const roles = ofType(own_nats, 'AWS::IAM::Role').map(([id]) => id)
      expect(roles.filter(id => id.startsWith(`${taskOf(role)}TaskRole`))).toHaveLength(1)
    },
  )

  it.each(CREDENTIALS.map(role => [role] as const))(
    '%s starts with its own secrets, its image and its log alone',
    role => {
      const { 'ecr:GetAuthorizationToken': token, ...execution } =
        rights[`${taskOf(role)}ExecutionRole`] ?? {}
      expect(token).toEqual(['*'])
      const on = (name: string) => `<jetledger-${STAGE}-foundation:ExportsOutput${name}>`
      const secrets = [
        `Refnats${role}`,
        'Refnatsca',
        ...(role === 'gateway' ? ['Refgatewaytls', 'Refgatewaytokens'] : []),
        ...(role === 'projections' ? ['Refprojectionsheadseed'] : []),
      ]
      const plain = Object.fromEntries(
        Object.entries(execution).map(([action, resources]) => [
          action,
          resources.map(each => each.replace(/[0-9A-F]{8,16}(?=[>.A])(.*)/, '>')).toSorted(),
        ]),
      )
      expect(plain).toEqual({
        'ecr:BatchCheckLayerAvailability': [on('FnGetAttImages')],
        'ecr:BatchGetImage': [on('FnGetAttImages')],
        'ecr:GetDownloadUrlForLayer': [on('FnGetAttImages')],
        'logs:CreateLogStream': [expect.stringMatching(new RegExp(`^<${role}.*Log`))],
        'logs:PutLogEvents': [expect.stringMatching(new RegExp(`^<${role}.*Log`))],
        'secretsmanager:DescribeSecret': secrets.map(on).toSorted(),
        'secretsmanager:GetSecretValue': secrets.map(on).toSorted(),
      })
    },
  )
})

describe.each(['a', 'b', 'c'])('the NATS node %s', letter => {
  it('may attach its volume to itself, take its name, and signal: nothing else', () => {
    const node = rights[`nats/ClusterNode${letter}Role`] ?? {}
    const plain = (action: string) => node[action]?.map(each => each.replace(/[0-9A-F]{8,16}/g, ''))
    expect(Object.keys(node).toSorted()).toEqual([
      'cloudformation:SignalResource',
      'ec2:AttachVolume',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'route53:ChangeResourceRecordSets',
      's3:GetObject',
      'secretsmanager:DescribeSecret',
      'secretsmanager:GetSecretValue',
      'servicediscovery:RegisterInstance',
    ])
    expect(plain('servicediscovery:RegisterInstance')).toEqual([`<ClusterNode${letter}Name.Arn>`])
    expect(plain('cloudformation:SignalResource')).toEqual(['<AWS::StackId>'])
    expect(plain('secretsmanager:GetSecretValue')).toEqual([
      '<jetledger-prod-foundation:ExportsOutputRefnatsnode>',
    ])
    expect(plain('s3:GetObject')?.[0]).toMatch(/\/nats-server-v[\d.]+-linux-arm64\.tar\.gz$/)
    expect(plain('ec2:AttachVolume')).toEqual([
      'arn:<AWS::Partition>:ec2:eu-central-1:<AWS::AccountId>:instance/*',
      `arn:<AWS::Partition>:ec2:eu-central-1:<AWS::AccountId>:volume/<ClusterNode${letter}Volume>`,
    ])
  })

  it('attaches to no instance but its own, by the tag', () => {
    const policies = ofType(own_nats, 'AWS::IAM::Policy').filter(([id]) =>
      id.startsWith(`nats/ClusterNode${letter}Role`),
    )
    const statements = policies.flatMap(
      ([, { Properties }]) => Properties.PolicyDocument.Statement as Statement[],
    )
    const instances = statements.filter(({ Resource }) => textOf(Resource).endsWith('instance/*'))
    expect(instances.map(({ Condition }) => Condition)).toEqual([
      { StringEquals: { 'aws:ResourceTag/jetledger:nats-node': `nats-${letter}.prod.jetledger.internal` } },
    ])
  })
})

it.each(CHOICES)(
  'no policy of $stage with $nats has an action with a wildcard, and none comes from AWS',
  choice => {
    const templates = templatesOf(choice)
    const actions = Object.values(rightsOf(templates)).flatMap(Object.keys)
    expect(actions.length).toBeGreaterThan(50)
    expect(actions.filter(action => action.includes('*'))).toEqual([])
    for (const [id, { Properties }] of ofType(templates, 'AWS::IAM::Role')) {
      expect(Properties.ManagedPolicyArns ?? [], id).toEqual([])
      expect(Properties.Policies ?? [], id).toEqual([])
    }
  },
)

/** The rights that each DynamoDB command in the program's source needs; each part of a transaction needs its own. */
const RIGHTS_OF_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  BatchGet: ['BatchGetItem'],
  BatchGetItem: ['BatchGetItem'],
  CreateTable: ['CreateTable'],
  // only tests delete single items
  Delete: [],
  DeleteTable: ['DeleteTable'],
  DescribeTable: ['DescribeTable'],
  Get: ['GetItem'],
  GetItem: ['GetItem'],
  Put: ['PutItem'],
  Query: ['Query'],
  Scan: ['Scan'],
  TransactGet: ['GetItem'],
  TransactWrite: ['PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
  TransactWriteItems: ['PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'],
  Update: ['UpdateItem'],
}

it('every call of the program to DynamoDB is a right of somebody', () => {
  const folder = join(ROOT, 'src')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => /^(?!embedded|.*testing).*(?<!\.spec)\.ts$/.test(path))
    .map(path => readFileSync(join(folder, path), 'utf8'))
    .filter(text => /@aws-sdk\/(client|lib)-dynamodb/.test(text))
  const called = new Set(
    sources.flatMap(text => [...text.matchAll(/new (\w+)Command\(/g)].map(([, name = '']) => name)),
  )
  expect(called.size).toBeGreaterThan(3)
  const granted = new Set(Object.values(rights).flatMap(Object.keys))
  const missing = [...called].filter(
    name => RIGHTS_OF_COMMANDS[name]?.every(right => granted.has(`dynamodb:${right}`)) !== true,
  )
  expect(missing).toEqual([])
})
