/**
 * Runs the build, the unit tests and the tour on the newer versions of Node, which `npm test` on the oldest one does
 * not: `npm run other-nodes`. CI runs it, because users run the program on any Node from 20.19 on, and the AWS SDK ends
 * its support of 20 in January 2027.
 *
 * The versions come from the npm package `node`, into node_modules/.cache/jetledger/nodes.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './servers/run.mjs'

/** The long-term versions after the oldest supported one; the unit tests run on the last. */
const VERSIONS = ['22.23.3', '24.21.0']
const INSTALL_TIME_LIMIT_S = 300
const TEST_TIME_LIMIT_S = 300

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const home = join(root, 'node_modules', '.cache', 'jetledger', 'nodes')
const nameOf = version => `node-${version.split('.')[0]}`
const programOf = version => join(home, 'node_modules', nameOf(version), 'bin', 'node')

const isInstalled = version =>
  spawnSync(programOf(version), ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`

/** Runs a step, and says how it ended. The output is shown only after a failure. */
const step = async (title, command, args, options) => {
  const started = performance.now()
  const { status, output, is_late, is_missing } = await run(command, args, { cwd: root, ...options })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  if (status === 0) {
    console.log(`jetledger: ${title}: passed in ${seconds} s`)
    return
  }
  const cause = is_late ? 'took too long' : is_missing ? `there is no ${command}` : `ended with ${status}`
  throw new Error(`${title}: ${cause}\n${output ?? ''}`)
}

const install = async () => {
  if (VERSIONS.every(isInstalled)) return
  const dependencies = Object.fromEntries(VERSIONS.map(version => [nameOf(version), `npm:node@${version}`]))
  // the package's own script fetches the program for this platform
  const manifest = { name: 'jetledger-nodes', private: true, dependencies, allowScripts: { node: true } }
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'package.json'), JSON.stringify(manifest, null, 2))
  await step(`Node ${VERSIONS.join(' and ')} by npm`, 'npm', ['install', '--no-package-lock', '--no-audit'], {
    cwd: home,
    env: process.env,
    time_limit_s: INSTALL_TIME_LIMIT_S,
  })
}

const onNode = (version, title, args) =>
  step(`${title} on Node ${version}`, programOf(version), args, {
    // what the tests start by the name `node` is this version too
    env: { ...process.env, PATH: [dirname(programOf(version)), process.env.PATH].join(delimiter) },
    time_limit_s: TEST_TIME_LIMIT_S,
  })

const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=2', '--project']

const main = async () => {
  await install()
  for (const version of VERSIONS)
    await onNode(version, 'build', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'])
  const tours = async () => {
    for (const version of VERSIONS)
      await onNode(version, 'tour', [...VITEST, 'e2e', 'test/e2e/tour.e2e.spec.ts'])
  }
  // side by side, because the tours mostly wait
  await Promise.all([onNode(VERSIONS.at(-1), 'unit tests', [...VITEST, 'unit']), tours()])
}

try {
  await main()
} catch (error) {
  console.error(`jetledger: ${error.message}`)
  // the other test must not go on alone
  process.exit(1)
}
