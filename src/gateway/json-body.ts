/**
 * The bodies of the REST routes.
 */

import type { FastifyInstance } from 'fastify'

/** Only JSON, and only whole: no other type, no guesses about the encoding. */
export const addJsonParser = (app: FastifyInstance): void => {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => {
    try {
      done(null, JSON.parse(utf8.decode(body as Buffer)))
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause)
      done(Object.assign(new Error(`the body is not JSON: ${text}`), { statusCode: 400 }))
    }
  })
}
