/**
 * Serves `/console`, the pages for people: static files that `npm run build` makes of console/. They run under a policy that
 * allows no inline script and no other host; all that they know, they ask this gateway's own routes for.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { PAGE_POLICY } from './page-policy.js'

/** The same place for the program in dist/ and for its sources in src/. */
const BUILT = new URL('../../dist/console/', import.meta.url)

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The name of a file in assets/ changes with its content. */
const ASSETS = 'assets/'
const FOR_EVER = 'public, max-age=31536000, immutable'

/** Registers the files that were built; none in a checkout that was not built. */
export const addConsole = (app: FastifyInstance): void => {
  if (!existsSync(BUILT)) return
  const files = readdirSync(BUILT, { recursive: true, encoding: 'utf8' })
  for (const file of files.map(name => name.replaceAll('\\', '/'))) {
    const type = TYPES[extname(file)]
    if (type === undefined) continue
    const content = readFileSync(new URL(file, BUILT))
    const cache = file.startsWith(ASSETS) ? FOR_EVER : 'no-cache'
    const path = file === 'index.html' ? '/console' : `/console/${file}`
    app.get(path, (_, reply) =>
      reply
        .type(type)
        .headers({ 'content-security-policy': PAGE_POLICY, 'cache-control': cache })
        .send(content),
    )
  }
  app.get('/console/', (_, reply) => reply.redirect('/console'))
}
