/**
 * The program's version: package.json's, from the source tree and from the build alike.
 */

import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

export const VERSION = version
