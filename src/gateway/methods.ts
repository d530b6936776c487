/**
 * The methods that a path knows, for all the others.
 */

import type { FastifyInstance } from 'fastify'
import { sendProblem } from './answer.js'
import { problem } from './problem.js'

/** The routes that are registered from now on, as `GET /path`. */
export const noteRoutes = (app: FastifyInstance): readonly string[] => {
  const routes: string[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.others !== true) routes.push(...[method].flat().map(name => `${name} ${url}`))
  })
  return routes
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** A path that is there answers 405 to the methods that it does not know, and says which it does. */
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
