/** Lists the faults of DynamoDB: unreachable, slow, returning errors, throttling. */

import type { Mood } from '../dynamodb.js'
import { DYNAMODB_PLACE } from '../system.js'
import type { Fault } from './fault.js'

const FOR_MS = [8_000, 15_000] as const

const moody = (name: string, what: string, mood: Mood): Fault => ({
  name,
  what,
  for_ms: FOR_MS,
  begin: async ({ system }) => {
    system.dynamodb.setMood(mood)
    return undefined
  },
})

export const DYNAMODB_FAULTS: readonly Fault[] = [
  {
    name: 'dynamodb-away',
    what: 'no instance reaches DynamoDB: it says nothing, or refuses every connection',
    for_ms: FOR_MS,
    begin: async ({ system: { network, instances }, random }) => {
      const cutOff = random.chance(0.5) ? network.part : network.reset
      for (const { name } of instances) cutOff(name, DYNAMODB_PLACE)
      return undefined
    },
  },
  moody('dynamodb-slow', 'every answer of DynamoDB is two seconds late', { tag: 'slow', by_ms: 2_000 }),
  moody('dynamodb-erring', 'DynamoDB answers most calls with an internal error', {
    tag: 'refusing',
    status: 500,
    error: 'InternalServerError',
    share: 0.8,
  }),
  moody('dynamodb-throttling', 'DynamoDB throttles most calls', {
    tag: 'refusing',
    status: 400,
    error: 'ProvisionedThroughputExceededException',
    share: 0.9,
  }),
]
