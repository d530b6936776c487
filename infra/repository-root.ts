/**
 * Finds the root folder of the repository, from the source and from the compiled app.
 */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const upToManifest = (folder: string): string =>
  existsSync(join(folder, 'package.json')) ? folder : upToManifest(dirname(folder))

export const ROOT = upToManifest(dirname(fileURLToPath(import.meta.url)))

/** The text of a file of `infra/`. */
export const infraFile = (...path: string[]): string => readFileSync(join(ROOT, 'infra', ...path), 'utf8')
