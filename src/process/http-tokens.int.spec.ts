/** The tokens of a running process follow their file. */

import { createHash } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newFolder, removeFolder, until } from '../../test/support/servers.js'
import { E } from '../fp.js'
import { createHealth, type Health } from '../health.js'
import { memoryLog } from '../service/testing/harness.js'
import { decodeConfig } from './config.js'
import { type HttpTokens, startHttpTokens } from './http-tokens.js'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const fileOf = (...secrets: string[]): string =>
  JSON.stringify({ tokens: secrets.map(name => ({ name, sha256: sha256(name), scopes: ['read'] })) })

let folder: string
let path: string
let health: Health
let http: HttpTokens
const { log, lines } = memoryLog()

beforeEach(() => {
  folder = newFolder()
  path = join(folder, 'tokens.json')
  writeFileSync(path, fileOf('one'))
  const config = decodeConfig({ HTTP_TOKENS_FILE: path })
  if (E.isLeft(config)) throw new Error(config.left)
  health = createHealth(() => undefined)
  http = startHttpTokens(config.right, { health, log, look_ms: 5 })
})
afterEach(() => {
  http.stop()
  removeFolder(folder)
})

const isKnown = (secret: string): boolean => http.tokens?.callerOf(`Bearer ${secret}`) !== undefined
const untilKnown = (secret: string) =>
  until(async () => isKnown(secret), { deadline_ms: 30_000, what: `the token ${secret}` })
const untilHealth = (state: string) =>
  until(async () => health.of('tokens file')?.state === state, {
    deadline_ms: 30_000,
    what: `tokens that are ${state}`,
  })
const replace = (text: string): void => {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

describe('a file of tokens that is changed while the process runs', () => {
  it('counts from then on, replaced or written over, without its former tokens', async () => {
    expect([isKnown('one'), isKnown('two')]).toEqual([true, false])
    replace(fileOf('two'))
    await untilKnown('two')
    expect(isKnown('one')).toBe(false)
    writeFileSync(path, fileOf('three', 'two'))
    await untilKnown('three')
    expect(isKnown('two')).toBe(true)
  })

  it('and cannot be used leaves the tokens as they are, and is told in health, without a secret', async () => {
    replace('{"tokens":[{"name":"two","sha256":"s3cret"')
    await untilHealth('degraded')
    expect(health.of('tokens file')?.detail).toMatch(/^HTTP_TOKENS_FILE: it is not JSON; .* go on counting$/)
    expect(isKnown('one')).toBe(true)
    rmSync(path)
    await until(async () => health.of('tokens file')?.detail.includes('cannot be read') === true, {
      deadline_ms: 30_000,
      what: 'a file that is gone',
    })
    expect(isKnown('one')).toBe(true)
    writeFileSync(path, fileOf('two'))
    await untilHealth('ok')
    expect([isKnown('one'), isKnown('two')]).toEqual([false, true])
    expect(JSON.stringify(lines)).not.toContain('s3cret')
  })
})
