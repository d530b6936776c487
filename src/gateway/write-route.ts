/** The parts that all REST routes of commands share. */

import type { ErrorCode } from '../service/catalogue.js'
import type { Route } from './route.js'
import { METADATA, type Properties, REFERENCE, type Schema } from './schema.js'

/** The fields that every command may have. */
export const OPTIONAL: Properties = { reference: REFERENCE, metadata: METADATA }

export const WRITE_CODES: readonly ErrorCode[] = [
  'INSUFFICIENT_FUNDS',
  'BALANCE_LIMIT',
  'ACCOUNT_RESTRICTED',
  'UNKNOWN_ASSET',
  'TRANSACTION_ID_REUSED',
  'CONFLICT',
  'OUTCOME_UNKNOWN',
  'STREAM_FULL',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
]

const DRY_RUN: Schema = {
  type: 'boolean',
  description: 'must be true or false: true says what would happen, with status 200, and stores nothing',
}

/** The body of a command, which may be a dry run. */
const withDryRun = (body: Schema | undefined): { readonly body?: Schema } =>
  body === undefined ? {} : { body: { ...body, properties: { ...body.properties, dry_run: DRY_RUN } } }

const ONE_COMMAND_BYTES_MAX = 16_384

/** A route of a command; what is stated replaces the usual. */
export const write = (
  route: Omit<Route, 'method' | 'effect' | 'success' | 'codes'> & Partial<Route>,
): Route => ({
  method: 'POST',
  effect: 'write',
  success: 201,
  codes: WRITE_CODES,
  body_bytes_max: ONE_COMMAND_BYTES_MAX,
  ...route,
  ...withDryRun(route.body),
})
