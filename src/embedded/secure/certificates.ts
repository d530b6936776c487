/**
 * Makes the certificate of the embedded servers, signed by a certificate authority of its own, whose key is thrown away: no
 * other certificate can ever be signed by it. The script is the one that makes the certificates of a cluster (Node can make
 * none), and needs the program openssl.
 */

import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LOOPBACK } from '../ports.js'

export type Certificates = { readonly ca_file: string; readonly cert_file: string; readonly key_file: string }

const SCRIPT = fileURLToPath(new URL('../../../infra/nats/certificates.sh', import.meta.url))
const SCRIPT_MS_MAX = 30_000
/** A certificate that ends sooner than this is made anew at a start. */
const DAYS_LEFT_MIN = 30
const MS_PER_DAY = 86_400_000

const isGood = (files: Certificates, now_ms: number): boolean => {
  if (!Object.values(files).every(file => existsSync(file))) return false
  const { validTo } = new X509Certificate(readFileSync(files.cert_file))
  return Date.parse(validTo) - now_ms > DAYS_LEFT_MIN * MS_PER_DAY
}

const lastLineOf = (error: unknown): string => {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
  return stderr.split('\n').at(-1) || String(error)
}

/**
 * Makes `ca.pem` and `ca.key` in `folder`, unless they are there, and `node.pem` and `node.key` for these names and addresses.
 * Throws when openssl does not do it.
 */
export const makeCertificates = (folder: string, hosts: readonly string[]): void => {
  try {
    execFileSync(SCRIPT, [folder, ...hosts], { stdio: 'pipe', timeout: SCRIPT_MS_MAX })
  } catch (cause) {
    throw new Error(`The certificate could not be made by openssl: ${lastLineOf(cause)}`, { cause })
  }
}

/** Makes the files in `folder` where they are missing or end soon. */
export const openCertificates = (folder: string, now_ms: number): Certificates => {
  const tls = join(folder, 'tls')
  const files = {
    ca_file: join(tls, 'ca.pem'),
    cert_file: join(tls, 'node.pem'),
    key_file: join(tls, 'node.key'),
  }
  if (isGood(files, now_ms)) return files
  const made = mkdtempSync(join(folder, 'tls-'))
  try {
    makeCertificates(made, [LOOPBACK, 'localhost'])
    for (const name of ['ca.key', 'ca.srl']) rmSync(join(made, name), { force: true })
    rmSync(tls, { recursive: true, force: true })
    renameSync(made, tls)
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
  return files
}
