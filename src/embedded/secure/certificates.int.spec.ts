/** The certificates that openssl makes: for which names they are, by whom they are signed, and what a failure leaves. */

import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { newFolder, removeFolder } from '../../../test/support/servers.js'
import { makeCertificates } from './certificates.js'

let folder: string
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => removeFolder(folder))

const read = (name: string): X509Certificate => new X509Certificate(readFileSync(join(folder, name)))

it('are for the names and addresses that are given, and a CA that is there signs again', () => {
  makeCertificates(folder, ['a.example', '10.0.0.7'])
  const [ca, node] = [read('ca.pem'), read('node.pem')]
  expect([node.checkHost('a.example'), node.checkIP('10.0.0.7')]).toEqual(['a.example', '10.0.0.7'])
  makeCertificates(folder, ['b.example'])
  expect(read('ca.pem').fingerprint).toBe(ca.fingerprint)
  const renewed = read('node.pem')
  expect([renewed.checkHost('b.example'), renewed.checkHost('a.example')]).toEqual(['b.example', undefined])
  expect(renewed.verify(ca.publicKey)).toBe(true)
  for (const key of ['ca.key', 'node.key']) expect(statSync(join(folder, key)).mode & 0o777).toBe(0o600)
})

it('are made nowhere else when their folder cannot be made', () => {
  const before = process.cwd()
  writeFileSync(join(folder, 'file'), '')
  process.chdir(folder)
  try {
    expect(() => makeCertificates(join(folder, 'file', 'tls'), ['a.example'])).toThrow(/could not be made/)
    expect(readdirSync(folder)).toEqual(['file'])
  } finally {
    process.chdir(before)
  }
})
