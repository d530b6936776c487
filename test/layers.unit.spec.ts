/** The architecture as a test: who may import whom, what stays pure, how large a file may grow. */

import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  importsOf,
  isTestCode,
  packagesOf,
  ROOT,
  type Rule,
  readTree,
  type SourceFile,
  targetsOf,
  withoutStrings,
} from './support/source-tree.js'

const LINES_MAX = 400

/** Files directly in src: importable from above. Whoever adds one decides here that it belongs at the bottom. */
const BASE_FILES = [
  'fp.ts',
  'back-off.ts',
  'connection.ts',
  'headers.ts',
  'health.ts',
  'instant.ts',
  'json.ts',
  'lru.ts',
  'metrics.ts',
  'own-fault.ts',
  'page.ts',
  'parallel.ts',
  'random-id.ts',
  'uuid.ts',
  'wire.ts',
]
const ADAPTERS = ['stream', 'tables', 'service']
const SLICES = ['commands', 'projections', 'queries']
/** The folders that each folder of src may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  ledger: [],
  stream: ['ledger'],
  tables: ['ledger'],
  service: ['ledger'],
  commands: ['ledger', ...ADAPTERS],
  projections: ['ledger', ...ADAPTERS],
  queries: ['ledger', ...ADAPTERS],
  // a second opinion of what the ledger and the slices do: it shares none of their code
  verify: ['stream', 'tables'],
  gateway: ['ledger', 'service'],
  embedded: [],
  // it judges nats-server alone, without any of the ledger
  'check-server': ['embedded'],
  // it looks at the ledger from outside, as its users do
  chaos: ['embedded'],
  cli: ['ledger', ...ADAPTERS, ...SLICES, 'verify', 'gateway', 'embedded', 'chaos'],
}
/** The checker of a chaos run is an outside opinion: beside its own files it may know what a history is, and no more. */
const CHECKER = 'src/chaos/checker/'
const CHECKER_MAY_IMPORT = ['src/chaos/history.ts']
const CHECKER_PACKAGES = /^(?:node:|nats$|@aws-sdk\/)/
/** Those that take nothing from the bottom but the pure files: the core stays pure, the servers a part by themselves. */
const PURE_ONLY = ['ledger', 'embedded']
const PURE_FILES = ['src/fp.ts', 'src/json.ts']

/** The place of a file of src: its folder, or '' for a file at the bottom. */
const folderOf = (path: string): string => path.split('/').slice(1, -1)[0] ?? ''

const knownPlace: Rule = ({ path }) => {
  if (!path.startsWith('src/') || isTestCode(path)) return []
  const folder = folderOf(path)
  if (folder === '')
    return BASE_FILES.includes(posix.basename(path))
      ? []
      : [`${path} lies at the bottom of src: decide in test/layers.unit.spec.ts whether it belongs there`]
  return Object.hasOwn(MAY_IMPORT, folder)
    ? []
    : [`${path}: nobody has decided in test/layers.unit.spec.ts where src/${folder} stands`]
}

const directionProblem = (from: string, to: string): string | undefined => {
  const [importer, imported] = [folderOf(from), folderOf(to)]
  if (imported === '') {
    return PURE_ONLY.includes(importer) && !PURE_FILES.includes(to)
      ? `${from} imports ${to}: src/${importer} takes fp.ts and json.ts and nothing else from there`
      : undefined
  }
  if (importer === imported) return undefined
  if (importer === '') return `${from} imports ${to}: the bottom of src imports nothing from above`
  return MAY_IMPORT[importer]?.includes(imported)
    ? undefined
    : `${from} imports ${to}: src/${importer} may not import src/${imported}`
}

const downwardsOnly: Rule = file =>
  !file.path.startsWith('src/') || isTestCode(file.path)
    ? []
    : targetsOf(file)
        .filter(to => to.startsWith('src/'))
        .flatMap(to => directionProblem(file.path, to) ?? [])

const outsideOpinion: Rule = file => {
  if (!file.path.startsWith(CHECKER) || isTestCode(file.path)) return []
  const files = targetsOf(file).filter(to => !to.startsWith(CHECKER) && !CHECKER_MAY_IMPORT.includes(to))
  const packages = packagesOf(file).filter(name => !CHECKER_PACKAGES.test(name))
  return [...files, ...packages].map(
    what => `${file.path} imports ${what}: the checker shares no code with what it judges`,
  )
}

const nobodyImportsCli: Rule = file =>
  isTestCode(file.path) || file.path.startsWith('src/cli/')
    ? []
    : targetsOf(file)
        .filter(to => to.startsWith('src/cli/'))
        .map(to => `${file.path} imports ${to}: nothing imports the command line`)

const noTestCode: Rule = file => {
  if (isTestCode(file.path)) return []
  // a benchmark is no product: it may use the helpers that start servers
  const allowed = (to: string): boolean => file.path.startsWith('bench/') && to.startsWith('test/support/')
  return targetsOf(file)
    .filter(to => isTestCode(to) && !allowed(to))
    .map(to => `${file.path} imports ${to}: only tests import test code`)
}

const oneDoorToFp: Rule = file =>
  file.path === 'src/fp.ts'
    ? []
    : packagesOf(file)
        .filter(name => name === 'fp-ts' || name === 'io-ts')
        .map(name => `${file.path} imports ${name}: only src/fp.ts does, import that`)

const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\b(?!\s*\(\s*[^\s)])/, 'new Date()'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\bprocess\s*\./, 'process'],
  [/\bperformance\s*\./, 'performance'],
  [/\bcrypto\s*\./, 'crypto'],
  [/\bset(?:Timeout|Interval|Immediate)\b/, 'timers'],
]
const pureLedger: Rule = file => {
  if (!file.path.startsWith('src/ledger/') || isTestCode(file.path)) return []
  const code = withoutStrings(file.text)
  return [
    ...IMPURE.filter(([pattern]) => pattern.test(code)).map(([, name]) => name),
    ...packagesOf(file),
  ].map(what => `${file.path} uses ${what}: src/ledger is pure, hand it the value instead`)
}

type Manifest = {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const declaredPackages =
  ({ dependencies, devDependencies }: Manifest): Rule =>
  file => {
    const product = file.path.startsWith('src/') && !isTestCode(file.path)
    const declared = product ? dependencies : { ...dependencies, ...devDependencies }
    return packagesOf(file)
      .filter(name => !name.startsWith('node:') && !Object.hasOwn(declared, name))
      .map(
        name =>
          `${file.path} imports ${name}, which is not in ${product ? 'dependencies' : 'package.json'} (Node's own modules start with node:)`,
      )
  }

const notTooLong: Rule = ({ path, text }) => {
  const lines = text.replace(/\n$/, '').split('\n').length
  return lines > LINES_MAX ? [`${path} has ${lines} lines: split it, ${LINES_MAX} is the limit`] : []
}

const saysWhatItIsFor: Rule = ({ path, text }) =>
  path.startsWith('src/') && !path.endsWith('.spec.ts') && !text.startsWith('/**')
    ? [`${path} does not start with a module comment: /** what this file is for */`]
    : []

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest

describe('the source tree', () => {
  const tree = readTree()
  const problems = (rule: Rule): readonly string[] => tree.flatMap(rule)

  it('is there to be read', () => {
    expect(tree.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['src/fp.ts', 'src/service/service.ts', 'test/layers.unit.spec.ts']),
    )
  })

  it.each<[string, Rule]>([
    ['has no file or folder in src whose place nobody decided', knownPlace],
    ['imports downwards only', downwardsOnly],
    ['judges chaos runs without code of the program', outsideOpinion],
    ['imports the command line from nowhere', nobodyImportsCli],
    ['imports test code from tests only', noTestCode],
    ['imports fp-ts and io-ts through src/fp.ts only', oneDoorToFp],
    ['has a pure ledger', pureLedger],
    ['imports declared packages only', declaredPackages(manifest)],
    [`has no file of more than ${LINES_MAX} lines`, notTooLong],
    ['says at the top of each file what it is for', saysWhatItIsFor],
  ])('%s', (_, rule) => {
    expect(problems(rule)).toEqual([])
  })
})

describe('the rules', () => {
  const importing = (path: string, ...specifiers: string[]): SourceFile => ({
    path,
    text: specifiers.map(specifier => `import { a } from '${specifier}'\n`).join(''),
  })

  it('find every form of import, over lines too, and none in comments', () => {
    const text = [
      "import 'a'",
      'import type {\n  B,\n} from "b"',
      "export * from 'c'",
      `const d = await ${'import'}('d')`,
      "// import 'e'",
      "/* import f from 'f' */",
      "const url = 'nats://g' // from 'h'",
    ].join('\n')
    expect([...importsOf({ path: 'src/x.ts', text })].sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('want a place for every folder and every file at the bottom', () => {
    expect(knownPlace(importing('src/new/a.ts'))).toEqual([
      'src/new/a.ts: nobody has decided in test/layers.unit.spec.ts where src/new stands',
    ])
    expect(knownPlace(importing('src/util.ts'))).toHaveLength(1)
    expect(knownPlace(importing('src/ledger/deep/a.ts'))).toEqual([])
  })

  it.each([
    ['src/ledger/a.ts', '../stream/b.js'],
    ['src/ledger/a.ts', '../health.js'],
    ['src/embedded/a.ts', '../back-off.js'],
    ['src/stream/a.ts', '../tables/b.js'],
    ['src/stream/a.ts', '../queries/b.js'],
    ['src/queries/a.ts', '../commands/b.js'],
    ['src/queries/deep/a.ts', '../../projections/b.js'],
    ['src/gateway/a.ts', '../stream/b.js'],
    ['src/verify/a.ts', '../ledger/b.js'],
    ['src/verify/a.ts', '../projections/b.js'],
    ['src/embedded/a.ts', '../ledger/b.js'],
    ['src/health.ts', './ledger/b.js'],
    ['src/commands/a.ts', '../cli/b.js'],
    ['src/new/a.ts', '../ledger/b.js'],
  ])('refuse %s that imports %s', (path, specifier) => {
    expect(downwardsOnly(importing(path, specifier))).toHaveLength(1)
  })

  it.each([
    ['src/ledger/a.ts', '../fp.js'],
    ['src/embedded/a.ts', '../json.js'],
    ['src/ledger/deep/a.ts', '../b.js'],
    ['src/stream/a.ts', '../ledger/b.js'],
    ['src/queries/a.ts', '../tables/b.js'],
    ['src/gateway/a.ts', '../service/b.js'],
    ['src/cli/a.ts', '../embedded/b.js'],
    ['src/queries/a.spec.ts', '../commands/b.js'],
  ])('allow %s that imports %s', (path, specifier) => {
    expect(downwardsOnly(importing(path, specifier))).toEqual([])
  })

  it('name both files and the reason in their text', () => {
    expect(downwardsOnly(importing('src/stream/a.ts', '../tables/b.js'))).toEqual([
      'src/stream/a.ts imports src/tables/b.ts: src/stream may not import src/tables',
    ])
  })

  it('keep the command line from being imported, from outside src as well', () => {
    expect(nobodyImportsCli(importing('bench/a.ts', '../src/cli/main.js'))).toHaveLength(1)
    expect(nobodyImportsCli(importing('test/a.e2e.spec.ts', '../src/cli/main.js'))).toEqual([])
  })

  it('keep the checker of chaos runs apart from what it judges', () => {
    const checker = 'src/chaos/checker/checks/a.ts'
    expect(outsideOpinion(importing(checker, '../../../ledger/fold.js', '../../../fp.js'))).toHaveLength(2)
    expect(outsideOpinion(importing(checker, '../../clients/ask.js', 'io-ts'))).toHaveLength(2)
    expect(outsideOpinion(importing(checker, '../fold.js', '../../history.js', 'nats', 'node:fs'))).toEqual(
      [],
    )
    expect(outsideOpinion(importing('src/chaos/run.ts', '../embedded/index.js'))).toEqual([])
  })

  it('keep test code out of the product', () => {
    for (const specifier of ['./b.unit.spec.js', '../../test/support/servers.js', './testing/harness.js'])
      expect(noTestCode(importing('src/service/a.ts', specifier))).toHaveLength(1)
    expect(noTestCode(importing('bench/a.ts', '../test/support/servers.js'))).toEqual([])
    expect(noTestCode(importing('bench/a.ts', '../test/a.e2e.spec.js'))).toHaveLength(1)
    expect(noTestCode(importing('src/service/a.int.spec.ts', './testing/harness.js'))).toEqual([])
  })

  it('keep fp-ts and io-ts behind one door, for specs too', () => {
    expect(oneDoorToFp(importing('src/stream/a.unit.spec.ts', 'fp-ts/lib/Either.js', 'io-ts'))).toHaveLength(
      2,
    )
    expect(oneDoorToFp(importing('src/fp.ts', 'fp-ts/lib/Either.js'))).toEqual([])
  })

  it.each([
    'const now = Date.now()',
    'const now = new Date()',
    'const now = new Date',
    'const n = Math.random()',
    'const e = process.env',
    `const t = \`\${Date.now()}\``,
    'setTimeout(f, 1)',
    "import { connect } from 'nats'",
    "import { pino } from 'pino'",
    "import { readFileSync } from 'node:fs'",
    "import { DynamoDBClient } from '@aws-sdk/client-dynamodb'",
  ])('find the ledger impure with: %s', text => {
    expect(pureLedger({ path: 'src/ledger/a.ts', text })).toHaveLength(1)
    expect(pureLedger({ path: 'src/stream/a.ts', text })).toEqual([])
  })

  it('find nothing impure in comments, strings and dates that are given', () => {
    const text = "// Date.now()\nconst at = new Date(at_ms)\nconst why = 'process.exit'\n"
    expect(pureLedger({ path: 'src/ledger/a.ts', text })).toEqual([])
  })

  it('want packages declared: for src in dependencies, elsewhere at least for development', () => {
    const rule = declaredPackages({
      dependencies: { nats: '3', '@a/b': '1' },
      devDependencies: { vitest: '4' },
    })
    expect(rule(importing('src/stream/a.ts', 'nats', '@a/b/deep.js', 'node:fs'))).toEqual([])
    expect(rule(importing('src/stream/a.ts', 'vitest', '@a/c', 'fs'))).toHaveLength(3)
    expect(rule(importing('src/stream/a.unit.spec.ts', 'vitest'))).toEqual([])
    expect(rule(importing('infra/a.ts', 'ramda'))).toHaveLength(1)
  })

  it('count lines, and want a comment at the top of the files of src', () => {
    const lines = (count: number): SourceFile => ({ path: 'src/fp.ts', text: '/** */\n'.repeat(count) })
    expect(notTooLong(lines(LINES_MAX))).toEqual([])
    expect(notTooLong(lines(LINES_MAX + 1))).toEqual(['src/fp.ts has 401 lines: split it, 400 is the limit'])
    expect(saysWhatItIsFor(importing('src/fp.ts', 'nats'))).toHaveLength(1)
    expect(saysWhatItIsFor(importing('src/a.unit.spec.ts', 'nats'))).toEqual([])
    expect(saysWhatItIsFor(lines(1))).toEqual([])
  })
})
