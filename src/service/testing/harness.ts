/** Helpers of the service's specs: complete configurations, gates that hold handlers back, a log that a test can read. */

import type { Msg } from 'nats'
import { type Logger, pino } from 'pino'
import { TE } from '../../fp.js'
import type { EndpointConfig, Handler, ServiceConfig } from '../config.js'

/** Answers with the body of the request. */
const echo: Handler = ({ body }) => TE.right({ body: new TextDecoder().decode(body) })

const silent: Logger = pino({ level: 'silent' })

export const endpointConfig = (overrides: Partial<EndpointConfig> = {}): EndpointConfig => ({
  name: 'echo',
  subject: 'customer.echo',
  description: 'Gives back what it gets',
  max_in_flight: 100,
  timeout_ms: 10_000,
  handle: echo,
  ...overrides,
})

export const serviceConfig = (
  endpoint: Partial<EndpointConfig> = {},
  overrides: Partial<ServiceConfig> = {},
): ServiceConfig => ({
  name: 'customer',
  version: '0.1.0',
  description: 'customer service',
  log: silent,
  endpoints: [endpointConfig(endpoint)],
  ...overrides,
})

/** A promise and the function that resolves it, so that a test decides when a handler continues. */
export const gate = (): { readonly opened: Promise<void>; readonly open: () => void } => {
  let open = (): void => undefined
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

/** Answers `late` once the gate is open. */
export const behind =
  ({ opened }: { readonly opened: Promise<void> }): Handler =>
  () =>
    TE.rightTask(async () => {
      await opened
      return { body: 'late' }
    })

/** `<status>:<code>` of an error reply as a caller sees it, '' for a success. */
export const errorOf = ({ headers }: Msg): string =>
  headers?.has('Nats-Service-Error-Code')
    ? `${headers.get('Nats-Service-Error-Code')}:${headers.get('Nats-Service-Error')}`
    : ''

export type LogLine = {
  readonly level: number
  readonly msg: string
  readonly err?: { readonly message: string }
}

/** A logger that keeps its lines of every level in memory. */
export const memoryLog = (): { readonly log: Logger; readonly lines: LogLine[] } => {
  const lines: LogLine[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(JSON.parse(line) as LogLine) })
  return { log, lines }
}
