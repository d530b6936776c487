/** Runs specs on a program with one fault (law-mutants.ts): its words are replaced as the file is loaded. */

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { LAW_MUTANT, LAW_MUTANTS } from './law-mutants.js'

const mutant = LAW_MUTANTS[Number(process.env[LAW_MUTANT])]
if (mutant === undefined) throw new Error(`${LAW_MUTANT} is the number of a fault`)
const { file, from, to, seen_by } = mutant

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  plugins: [
    {
      name: 'fault',
      enforce: 'pre',
      transform: (code, id) => {
        if (!id.endsWith(`/src/${file}.ts`)) return undefined
        if (!code.includes(from)) throw new Error(`${file} does not have: ${from}`)
        return code.replace(from, () => to)
      },
    },
  ],
  test: {
    include: [`src/${seen_by}`],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry: 0,
    maxWorkers: 1,
    // one is enough, and a fault may make the others wait
    bail: 1,
    globalSetup: './test/support/say-servers.ts',
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  },
})
