import { Ajv2020 } from 'ajv/dist/2020.js'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createHealth } from '../health.js'
import { createMetrics } from '../metrics.js'
import { CATALOGUE } from '../service/catalogue.js'
import { schemaNames } from './named-schemas.js'
import { openApi } from './openapi.js'
import { ROUTES } from './routes.js'
import { createServer } from './server.js'

type Json = Readonly<Record<string, unknown>>
type Content = Readonly<Record<string, { readonly schema?: Json }>>
type Operation = {
  readonly operationId?: string
  readonly tags: readonly string[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}
type Document = {
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>> & {
      readonly Problem: { properties: { code: { enum: string[] } } }
    }
  }
}

const document = JSON.parse(JSON.stringify(openApi('1.2.3', true))) as Document

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

/** The page, its files and the document are no operations of the API. */
const UNDOCUMENTED = ['/', '/docs', '/docs/page.js', '/docs/page.css', '/openapi.json']
const NONE_OF_HTTP = ['BAD_REQUEST', 'NOT_EXPIRED']
/** Any path may answer with these codes; they belong to no operation. */
const OF_EVERY_PATH = ['METHOD_NOT_ALLOWED', 'REQUEST_TIMEOUT']

describe('the OpenAPI document', () => {
  it('has every route that is registered, and no other', async () => {
    const server = await createServer({
      health: createHealth(() => undefined),
      readiness: async () => ({}),
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
      version: '1.2.3',
      tls: undefined,
      gateway: {
        service: () => undefined,
        max_in_flight: 1,
        tokens: undefined,
        origins: [],
        rate: undefined,
        proxies: 0,
      },
    })
    await server.stop()
    const registered = server.routes
      .filter(route => !route.startsWith('HEAD '))
      .filter(route => !UNDOCUMENTED.includes(route.split(' ')[1] ?? '') && !/ \/console(\/|$)/.test(route))
    const documented = operations.map(
      ({ path, method }) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
    )
    expect([...registered].sort()).toEqual([...documented].sort())
  })

  it('has every error: in the problem, and with a status of some operation', () => {
    const codes = Object.keys(CATALOGUE)
    expect(document.components.schemas.Problem.properties.code.enum).toEqual(codes)
    const text = operations
      .flatMap(({ operation }) => Object.values(operation.responses).map(({ description }) => description))
      .join('\n')
    const missing = codes.filter(code => !text.includes(`\`${code}\``))
    expect(missing.sort()).toEqual([...NONE_OF_HTTP, ...OF_EVERY_PATH].sort())
  })

  it('has the status of every code under that code', () => {
    for (const { operation } of operations) {
      for (const [status, { description }] of Object.entries(operation.responses)) {
        for (const [, code = ''] of description.matchAll(/^`([A-Z_]+)`:/gm)) {
          expect(CATALOGUE[code as keyof typeof CATALOGUE].http_status).toBe(Number(status))
        }
      }
    }
  })

  it('names operations once, and describes what each needs', () => {
    const names = operations.flatMap(({ operation }) => operation.operationId ?? [])
    expect(new Set(names).size).toBe(names.length)
    const others = ['natsRequest', 'caller', 'ping', 'health', 'readiness', 'metrics']
    expect(names).toEqual([...ROUTES.map(({ operation }) => operation), ...others])
    const tags = document.tags.map(({ name }) => name)
    for (const { operation } of operations)
      expect(tags, operation.operationId).toEqual(expect.arrayContaining([...operation.tags]))
  })

  it('holds schemas that are JSON Schema, with examples that fit them', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    const { components } = document
    const visit = (value: unknown): number => {
      if (typeof value !== 'object' || value === null) return 0
      const node = value as Json
      const isSchema = typeof node.type === 'string' && !('in' in node) && !('scheme' in node)
      if (isSchema) expect(ajv.validateSchema(node), JSON.stringify(node)).toBe(true)
      const examples = Array.isArray(node.examples) ? node.examples : []
      for (const example of examples)
        expect(ajv.validate({ ...node, components }, example), JSON.stringify(node)).toBe(true)
      return examples.length + Object.values(node).reduce((sum: number, child) => sum + visit(child), 0)
    }
    expect(visit(document)).toBeGreaterThan(5)
  })

  it('names the schemas of every body and of every answer of a route, and uses each name', () => {
    const text = JSON.stringify(document)
    const refs = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect([...new Set(refs)].toSorted()).toEqual(Object.keys(document.components.schemas))
    for (const { operation } of operations.slice(0, ROUTES.length)) {
      const contents = [operation.requestBody, ...Object.values(operation.responses)].map(one => one?.content)
      const json = contents.flatMap(content =>
        Object.entries(content ?? {}).flatMap(([type, one]) => (type.endsWith('json') ? [one] : [])),
      )
      expect(json.length).toBeGreaterThan(1)
      for (const { schema } of json)
        expect(schema, operation.operationId).toEqual({ $ref: expect.any(String) })
    }
    expect(document.components.schemas).toHaveProperty(
      'CreditRequest.properties.amount.$ref',
      '#/components/schemas/Amount',
    )
  })

  it('gives a name to one schema only', () => {
    const names = [...schemaNames(ROUTES).values()]
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted())
  })

  it('says that a token is needed only where one is', () => {
    expect(openApi('1', true)).toMatchObject({ security: [{ bearer: [] }] })
    expect(openApi('1', false)).toMatchObject({ security: [{}, { bearer: [] }] })
    for (const secured of [true, false])
      expect(openApi('1', secured)).toHaveProperty('components.securitySchemes.bearer.scheme', 'bearer')
  })
})
