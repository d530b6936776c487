import { defineConfig } from 'vitest/config'

const kind = (name: 'unit' | 'int' | 'e2e' | 'soak' | 'fuzz', test_timeout_ms: number) => ({
  test: {
    name,
    include: [`{src,test,infra,bench}/**/*.${name}.spec.ts`],
    testTimeout: test_timeout_ms,
    hookTimeout: test_timeout_ms,
    retry: 0,
    ...(name === 'unit' ? {} : { globalSetup: './test/support/say-servers.ts' }),
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    // e2e specs start clusters and count processes: beside each other they would starve on two cores
    fileParallelism: name === 'unit' || name === 'int',
  },
})

export default defineConfig({
  test: {
    projects: [
      kind('unit', 10_000),
      kind('int', 60_000),
      kind('e2e', 180_000),
      kind('soak', 1_800_000),
      kind('fuzz', 86_400_000),
    ],
  },
})
