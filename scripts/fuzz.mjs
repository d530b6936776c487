// `npm run fuzz -- --minutes 10 --seed 1`: runs the fuzzer of test/hostile. The seed is any number. Without one a
// random seed is used and printed.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const USAGE = 'npm run fuzz -- [--minutes <n>] [--seed <n>]'

const number = (name, text) => {
  if (text === undefined) return {}
  if (!/^\d{1,9}(\.\d+)?$/.test(text)) throw new Error(`${USAGE}: ${name} must be a number`)
  return { [name]: text }
}

const environment = () => {
  const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } })
  return { ...number('FUZZ_MINUTES', values.minutes), ...number('FUZZ_SEED', values.seed) }
}

let env
try {
  env = environment()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'fuzz'], {
  stdio: 'inherit',
  env: { ...process.env, ...env },
})
process.exit(status ?? 1)
