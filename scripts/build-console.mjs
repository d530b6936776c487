// Builds the console (console/) into dist/console, unless it was built from the same files before: `npm start` builds every
// time, and the pages seldom change. It needs no network.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = new URL('../', import.meta.url)
const SOURCES = new URL('console/', root)
const BUILT_FROM = new URL('dist/console/built-from.txt', root)

/** The hash of everything that the result depends on: the sources, and the versions of the packages. */
const inputs = () => {
  const hash = createHash('sha256')
  const names = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath}/${entry.name}`)
    .sort()
  for (const name of [...names, fileURLToPath(new URL('package-lock.json', root))]) {
    hash.update(`${name.slice(fileURLToPath(root).length)}\0`).update(readFileSync(name))
  }
  return hash.digest('hex')
}

const wanted = inputs()
const built = existsSync(BUILT_FROM) ? readFileSync(BUILT_FROM, 'utf8') : ''
if (built !== wanted) {
  await build({ configFile: fileURLToPath(new URL('vite.config.mjs', SOURCES)) })
  writeFileSync(BUILT_FROM, wanted)
}
