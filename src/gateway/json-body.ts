/**
 * Parses the bodies of the REST routes.
 */

import type { FastifyInstance } from 'fastify'
import { E } from '../fp.js'
import { type JsonProblem, readStrictJson } from '../json.js'

const sentence = ({ tag, message }: JsonProblem): string =>
  tag === 'NotJson' ? `the body is not JSON: ${message}` : message

/** Accepts only JSON, and reads it strictly: no other content type, and no guesses about the encoding. */
export const addJsonParser = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => {
    const read = readStrictJson(body as Buffer)
    if (E.isRight(read)) done(null, read.right)
    else done(Object.assign(new Error(sentence(read.left)), { statusCode: 400 }))
  })
}
