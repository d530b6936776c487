/** Runs the verifier that is given away with proofs, as its users do: in a process of its own. */

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newFolder, removeFolder } from './servers.js'

const SCRIPT = fileURLToPath(new URL('../../scripts/verify-proof.mjs', import.meta.url))

/** The exit code of the verifier, and everything that it prints. */
export const verifyProof = (
  proof: object,
  key: string,
): { readonly code: number | null; readonly text: string } => {
  const folder = newFolder()
  try {
    const file = join(folder, 'proof.json')
    writeFileSync(file, JSON.stringify(proof))
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, file, '--key', key], {
      encoding: 'utf8',
    })
    return { code: status, text: stdout + stderr }
  } finally {
    removeFolder(folder)
  }
}
