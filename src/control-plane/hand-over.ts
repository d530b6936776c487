/**
 * Hands credentials over: into a file of its owner, or into AWS Secrets Manager by the AWS CLI, which the deployment needs
 * anyway. They never stand in a command line, which every user of a machine can read, and never in the output.
 */

import { spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attempt } from '../fp.js'
import type { ProviderError, Task } from './provider.js'

const OWNERS_FILE = 0o600
const AWS_MS_MAX = 60_000
const COMPLAINT_CHARS_MAX = 2_000

const why = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const refused =
  (what: string) =>
  (cause: unknown): ProviderError => ({ tag: 'Refused', message: `${what}: ${why(cause)}`, cause })

/**
 * Writes a file whole or not at all. Without `may_replace` a file that is there already is an error. With it the file is
 * exchanged at once: a process that reads it at its next connect finds the old or the new credentials.
 */
export const writeCreds = (file: string, creds: string, may_replace: boolean): Task<void> =>
  attempt(
    async () => {
      const part = `${file}.${process.pid}.part`
      try {
        writeFileSync(part, creds, { mode: OWNERS_FILE, flag: 'wx' })
        chmodSync(part, OWNERS_FILE)
        if (may_replace) renameSync(part, file)
        else linkSync(part, file)
      } finally {
        rmSync(part, { force: true })
      }
    },
    refused(`${file} cannot be written`),
  )

/** Opens a file with this text for reading. The file has no name any more when this returns. */
const openNameless = (text: string): number => {
  const folder = mkdtempSync(join(tmpdir(), 'jetledger-'))
  try {
    const file = join(folder, 'creds')
    writeFileSync(file, text, { mode: OWNERS_FILE })
    return openSync(file, 'r')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs the AWS CLI with `stdin` as its standard input; rejects with what it complains of. */
const aws = (args: readonly string[], stdin: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('aws', args, { stdio: [stdin, 'ignore', 'pipe'], timeout: AWS_MS_MAX })
    let complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(0, COMPLAINT_CHARS_MAX)
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(complaint.trim() || `aws ended with ${code ?? signal}`))
    })
  })

/** Puts credentials, in base64 as `NATS_CREDENTIALS` takes them, into a secret that exists. */
export const putSecret = (secret_id: string, creds: string): Task<void> =>
  attempt(
    async () => {
      const stdin = openNameless(Buffer.from(creds).toString('base64'))
      try {
        const what = ['--secret-id', secret_id, '--secret-string', 'file:///dev/stdin']
        await aws(['secretsmanager', 'put-secret-value', ...what], stdin)
      } finally {
        closeSync(stdin)
      }
    },
    refused(`the secret ${secret_id} cannot be written`),
  )
