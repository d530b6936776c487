/**
 * Answers requests for a path that exists with a method that it does not have.
 */

import type { FastifyInstance } from 'fastify'
import { sendProblem } from './answer.js'
import { problem } from './problem.js'

/** Gives a list that fills with the routes that are registered from now on, as `GET /path`. */
export const noteRoutes = (app: FastifyInstance): readonly string[] => {
  const routes: string[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.others !== true) routes.push(...[method].flat().map(name => `${name} ${url}`))
  })
  return routes
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Makes every known path answer 405 to methods that it does not have; the header `allow` names the methods it has. */
export const addOtherMethods = (app: FastifyInstance, known: readonly string[]): void => {
  const byPath = new Map<string, string[]>()
  for (const route of known) {
    const [method = '', path = ''] = route.split(' ')
    byPath.set(path, [...(byPath.get(path) ?? []), method])
  }
  for (const [url, methods] of byPath) {
    const allow = methods.join(', ')
    app.route({
      method: METHODS.filter(method => !methods.includes(method)),
      url,
      config: { others: true },
      handler: (request, reply) =>
        request.method === 'OPTIONS'
          ? reply.code(204).header('allow', allow).send()
          : sendProblem(request, reply, problem('METHOD_NOT_ALLOWED', undefined, { headers: { allow } })),
    })
  }
}
