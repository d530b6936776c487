/** Every import rule of .dependency-cruiser.mjs finds the imports that it forbids: a rule that finds none would be useless. */

import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cruise, type IReporterOutput } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { newFolder } from './support/servers.js'
import { ROOT } from './support/source-tree.js'

/** A file, its imports, and the rule that it breaks; no rule when its imports are allowed. */
const FILES: readonly (readonly [path: string, specifiers: readonly string[], rule?: string])[] = [
  ['src/fp.ts', ['fp-ts/lib/Either.js']],
  ['src/json.ts', []],
  ['src/health.ts', ['./ledger/amount.js'], 'base-imports-no-folder'],
  ['src/util.ts', []],
  ['src/cli/main.ts', ['../util.js'], 'known-place'],
  ['src/process/roles.ts', ['../commands/compose.js', '../queries/balance.js', '../embedded/nats.js']],
  ['src/ledger/amount.ts', ['../fp.js', '../json.js']],
  ['src/ledger/fold.ts', ['../stream/read.js'], 'ledger-imports-downwards'],
  ['src/ledger/clock.ts', ['node:fs'], 'pure-ledger'],
  ['src/ledger/state.ts', ['../health.js'], 'pure-base-only'],
  ['src/stream/read.ts', ['../ledger/amount.js', 'nats']],
  ['src/stream/tables.ts', ['../tables/heads.js'], 'stream-imports-downwards'],
  ['src/tables/heads.ts', []],
  ['src/service/service.ts', ['./testing/harness.js'], 'test-code-in-tests-only'],
  ['src/service/testing/harness.ts', []],
  ['src/service/tools.ts', ['vitest'], 'declared-packages'],
  ['src/service/codec.ts', ['io-ts'], 'one-door-to-fp'],
  ['src/commands/compose.ts', ['../stream/read.js', '../tables/heads.js']],
  ['src/commands/other.ts', ['../queries/balance.js'], 'commands-imports-downwards'],
  ['src/queries/balance.ts', []],
  ['src/queries/ring.ts', ['./ring-end.js']],
  ['src/queries/ring-end.ts', ['./ring.js'], 'no-circle'],
  ['src/verify/walk.ts', ['../ledger/fold.js'], 'verify-imports-downwards'],
  ['src/embedded/nats.ts', []],
  ['src/chaos/history.ts', []],
  ['src/chaos/run.ts', ['../embedded/nats.js']],
  ['src/chaos/checker/judge.ts', ['../history.js', 'nats']],
  ['src/chaos/checker/fold.ts', ['../run.js'], 'checker-shares-nothing'],
  ['src/chaos/checker/log.ts', ['pino'], 'checker-packages'],
  ['src/commands/compose.unit.spec.ts', ['../queries/balance.js', '../../test/support/servers.js']],
  ['test/support/servers.ts', ['../../src/cli/main.js']],
  ['bench/main.ts', ['../test/support/servers.js', '../src/cli/main.js'], 'nothing-imports-cli'],
  ['bench/spec.ts', ['../test/one.e2e.spec.js'], 'bench-uses-support-only'],
  ['bench/lost.ts', ['./missing.js'], 'resolvable'],
  ['test/one.e2e.spec.ts', []],
]

let folder: string
beforeAll(() => {
  folder = newFolder()
  for (const [path, specifiers] of FILES) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    const lines = specifiers.map((specifier, i) => `import { a as a${i} } from '${specifier}'\n`)
    writeFileSync(join(folder, path), `${lines.join('')}export const a = 1\n`)
  }
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Violation = { readonly from: string; readonly rule: { readonly name: string } }

it('each rule finds the file that breaks it, and none finds another one', async () => {
  const options = await extractDepcruiseOptions(join(ROOT, '.dependency-cruiser.mjs'))
  const { output }: IReporterOutput = await cruise(['src', 'bench', 'test'], { ...options, baseDir: folder })
  if (typeof output === 'string') throw new Error(output)
  const found = (output.summary.violations as readonly Violation[]).map(
    ({ from, rule }) => `${from} ${rule.name}`,
  )
  const expected = FILES.flatMap(([path, , rule]) => (rule === undefined ? [] : [`${path} ${rule}`]))
  expect([...new Set(found)].sort()).toEqual(expected.sort())
})
