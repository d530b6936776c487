/**
 * Reads the version of the program from package.json. The path is the same from the source tree and from the build.
 */

import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

export const VERSION = version
