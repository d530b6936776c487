/** Credentials reach their file or their secret, and no command line. The AWS CLI is a script that notes what it gets. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { newFolder, removeFolder } from '../../test/support/servers.js'
import { run } from '../fp.js'
import { putSecret, writeCreds } from './hand-over.js'

let folder: string
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => {
  vi.unstubAllEnvs()
  removeFolder(folder)
})

const standInForAws = (script: string): void => {
  writeFileSync(join(folder, 'aws'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`)
}

it("a file is its owner's, and is not replaced unless that is said", async () => {
  const file = join(folder, 'app.creds')
  await run(writeCreds(file, 'first', false))
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await writeCreds(file, 'second', false)()).toMatchObject({ left: { tag: 'Refused' } })
  expect(readFileSync(file, 'utf8')).toBe('first')
  writeFileSync(file, 'open to all', { mode: 0o644 })
  await run(writeCreds(file, 'second', true))
  expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['second', 0o600])
  expect(readdirSync(folder)).toEqual(['app.creds'])
})

it('a secret gets base64 by standard input, which has no name on the disk', async () => {
  vi.stubEnv('TMPDIR', folder)
  standInForAws(`cd ${folder}; echo "$@" > args; ls > names; cat /dev/stdin > secret`)
  await run(putSecret('jetledger/dev/nats/commands', 'the creds'))
  const noted = (name: string): string => readFileSync(join(folder, name), 'utf8').trim()
  expect(Buffer.from(noted('secret'), 'base64').toString()).toBe('the creds')
  expect(noted('args')).toBe(
    'secretsmanager put-secret-value --secret-id jetledger/dev/nats/commands --secret-string file:///dev/stdin',
  )
  expect(noted('names').split('\n')).toEqual(['args', 'aws', 'names'])
})

it('what the AWS CLI complains of is told, without the credentials', async () => {
  standInForAws('echo "An error occurred (AccessDenied)" >&2; exit 254')
  expect(await putSecret('x', 'the creds')()).toMatchObject({
    left: { tag: 'Refused', message: 'the secret x cannot be written: An error occurred (AccessDenied)' },
  })
})
