import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** e2e specs that say how long something may take, or freeze what others use: beside each other they would starve on two cores. */
const ALONE = [
  'test/e2e/frozen-instance.e2e.spec.ts',
  'test/e2e/pays-once.e2e.spec.ts',
  'test/e2e/two-instances.e2e.spec.ts',
]

/** Specs of the same sort that mostly wait for elections and restarts: two of them leave a core idle. */
const IN_PAIRS = [
  'src/process/leave-cut-off.e2e.spec.ts',
  'src/embedded/cluster.e2e.spec.ts',
  'src/stream/direct.e2e.spec.ts',
  'src/stream/led-again.e2e.spec.ts',
  'test/e2e/check-server.e2e.spec.ts',
  'test/e2e/cluster.e2e.spec.ts',
  'test/two-leaders.e2e.spec.ts',
]

/** The spec that takes longest. On a clean clone vitest begins with the largest files, and would have one worker end with this one. */
const LONGEST = 'test/e2e/chaos.e2e.spec.ts'

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification) => moduleId.endsWith(LONGEST)
    const sorted = await super.sort(files)
    return [...sorted.filter(isLongest), ...sorted.filter(file => !isLongest(file))]
  }
}

type Kind = 'unit' | 'int' | 'e2e' | 'soak' | 'fuzz'

const kind = (name: Kind, test_timeout_ms: number) => ({
  test: {
    name,
    include: [`{src,test,infra,bench}/**/*.${name}.spec.ts`],
    testTimeout: test_timeout_ms,
    hookTimeout: test_timeout_ms,
    retry: 0,
    // pure code needs no process of its own, and a thread starts sooner
    pool: name === 'unit' ? 'threads' : 'forks',
    ...(name === 'unit' ? {} : { globalSetup: './test/support/say-servers.ts' }),
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    fileParallelism: name === 'unit' || name === 'int' || name === 'e2e',
  },
})

const e2e = kind('e2e', 180_000)
const beside = { test: { ...e2e.test, exclude: [...configDefaults.exclude, ...ALONE, ...IN_PAIRS] } }
const in_pairs = { test: { ...e2e.test, name: 'e2e-pairs', include: IN_PAIRS } }
const alone = { test: { ...e2e.test, name: 'e2e-alone', include: ALONE, fileParallelism: false } }

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      kind('unit', 10_000),
      kind('int', 120_000),
      beside,
      in_pairs,
      alone,
      kind('soak', 1_800_000),
      kind('fuzz', 86_400_000),
    ],
  },
})
