/** Lists all faults of a chaos run. */

import { DYNAMODB_FAULTS } from './dynamodb.js'
import type { Fault } from './fault.js'
import { INSTANCE_FAULTS } from './instances.js'
import { SERVER_FAULTS } from './servers.js'
import { STORE_FAULTS } from './stores.js'

export type { Fault } from './fault.js'

export const FAULTS: readonly Fault[] = [
  ...SERVER_FAULTS,
  ...INSTANCE_FAULTS,
  ...DYNAMODB_FAULTS,
  ...STORE_FAULTS,
]
