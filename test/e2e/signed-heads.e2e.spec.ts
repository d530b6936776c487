/** A ledger with a key signs heads, and whoever has the public half checks the stream and single events with it. */

import { execFileSync } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const VERIFY_PROOF = fileURLToPath(new URL('../../scripts/verify-proof.mjs', import.meta.url))

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

it('everything that is in the ledger can be checked with the public key and one head that was kept', async () => {
  const key = (await bench.run(['heads', 'key', 'head.seed'])).stdout.trim()
  const seed = join(bench.folder, 'head.seed')
  expect(statSync(seed).mode & 0o777).toBe(0o600)
  const dev = await bench.devWith({ JETLEDGER_HEAD_SEED_FILE: seed })
  const jsm = await jetstreamManager(await bench.connect(dev.nats_url))
  await until(async () => (await jsm.streams.info('customer-signed-heads')).state.messages > 0, {
    deadline_ms: 30_000,
    what: 'a head',
  })

  const { stdout: kept } = await bench.run(['heads', 'export', '--last', '1'])
  writeFileSync(join(bench.folder, 'kept.jsonl'), kept)
  const verified = await bench.run(['verify', '--chain', '--key', key, '--heads', 'kept.jsonl'])
  expect(verified.code).toBe(0)
  expect(verified.stdout.trim().split('\n').slice(-3)).toEqual([
    'stream       1000 events, 0 of them not signed yet',
    'heads        1 in NATS, 1 that were kept elsewhere',
    `signed with  ${key}`,
  ])
  writeFileSync(join(bench.folder, 'kept.jsonl'), kept.replace('"size":1000', '"size":999'))
  const forged = await bench.run(['verify', '--chain', '--heads', 'kept.jsonl'])
  expect([forged.code, forged.stderr]).toEqual([2, expect.stringContaining('line 1: its signature')])

  const { stdout: proof } = await bench.run(['prove', '7'])
  writeFileSync(join(bench.folder, 'proof.json'), proof)
  const check = [VERIFY_PROOF, join(bench.folder, 'proof.json'), '--key', key]
  expect(execFileSync(process.execPath, check, { encoding: 'utf8' })).toContain('valid: event 7 of ')

  const begun = await bench.run(['heads', 'begin', '--reason', 'a test'], { JETLEDGER_HEAD_SEED_FILE: seed })
  expect(begun.stdout).toBe(`line 2 begins: the ledger is signed anew, from its first event, with ${key}\n`)
})
