/**
 * Serves `/docs`, a page to read the API and try it, which a script makes from `/openapi.json`. The page loads nothing
 * from other hosts, so it works without a network, under a policy that allows nothing else.
 */

import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { sendJson } from './answer.js'
import { openApi } from './openapi.js'
import { PAGE_POLICY } from './page-policy.js'

const ASSETS = new URL('../../assets/docs/', import.meta.url)

const FILES = [
  { path: '/docs', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/docs/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  { path: '/docs/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
]

/** Registers the page, its files and the document; `is_secured` when callers need a token. */
export const addDocs = (app: FastifyInstance, version: string, is_secured: boolean): void => {
  const document = openApi(version, is_secured)
  app.get('/openapi.json', (request, reply) => sendJson(request, reply, 200, document))
  app.get('/', (_, reply) => reply.redirect('/docs'))
  for (const { path, file, type } of FILES) {
    const text = readFileSync(new URL(file, ASSETS), 'utf8')
    app.get(path, (_, reply) => reply.type(type).header('content-security-policy', PAGE_POLICY).send(text))
  }
}
