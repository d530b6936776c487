/**
 * Installs a pinned wheel with Python's pip, if there is one, with the user's configuration (index, proxy,
 * certificates). pip refuses a wheel whose sha256 differs from the one pinned in servers.json.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.mjs'

const CANDIDATES = [['pip'], ['pip3'], ['python3', '-m', 'pip']]

/** Matches pip's message that a wheel is not the pinned one. */
const OTHER_HASH = /DO NOT MATCH THE HASHES/

/**
 * The environment of pip. It overrides settings of the user that would conflict with `--target`, or would ask
 * questions.
 */
const environment = () => ({
  ...process.env,
  PIP_USER: '0',
  PIP_REQUIRE_VIRTUALENV: '0',
  PIP_DRY_RUN: '0',
  PIP_ROOT_USER_ACTION: 'ignore',
})

/** The arguments of pip. The wheel is for Node's platform, not for Python's: the program in it needs no Python. */
const argumentsFor = (pin, target, requirements) => [
  'install',
  '--target',
  target,
  '--prefix=',
  '--requirement',
  requirements,
  '--require-hashes',
  '--no-deps',
  '--only-binary',
  ':all:',
  '--platform',
  pin.tag,
  '--no-compile',
  '--no-input',
  '--disable-pip-version-check',
  '--progress-bar',
  'off',
  '--retries',
  '1',
  '--no-color',
  '--quiet',
]

const isMissing = ({ is_missing, status, output }) =>
  is_missing === true || status === 127 || /No module named pip/.test(output)

const failure = ({ status, output }) => {
  const refused = OTHER_HASH.test(output)
  const got = /Got\s+([0-9a-f]{64})/.exec(output)?.[1]
  if (refused) return { ok: false, is_refused: true, cause: `sha256 of the wheel: ${got ?? 'another one'}` }
  const broken = /connection broken by '.*?: ([^:]*?)'?\)'/.exec(output)?.[1]
  const error = /^ERROR: (.*)/m.exec(output)?.[1]
  return { ok: false, cause: `pip: ${broken ?? error ?? `ended with ${status ?? output}`}` }
}

/** Installs the wheel of `pin` into `work`/pip. Resolves with `{ ok: true }`, or with `{ ok: false, cause }`. */
export const installByPip = async (pin, work) => {
  const requirements = join(work, 'requirements.txt')
  writeFileSync(requirements, `${pin.package}==${pin.version} --hash=${pin.hash}\n`)
  for (const [command, ...first] of CANDIDATES) {
    const args = [...first, ...argumentsFor(pin, join(work, 'pip'), requirements)]
    const { time_limit_s } = pin
    const result = await run(command, args, { cwd: work, env: environment(), time_limit_s })
    if (isMissing(result)) continue
    if (result.status === 0) return { ok: true }
    if (result.is_late) return { ok: false, cause: `pip took longer than ${time_limit_s} s` }
    return failure(result)
  }
  return { ok: false, cause: 'there is no pip here' }
}
