/** Lists all operations of a load client by name. A new benchmark adds its operations here. */

import type { NatsConnection } from 'nats'
import type { Operation } from '../measure/job.js'
import { byHandHot, byHandUniform } from './by-hand.js'
import { bulk, creditHot, creditNinetyTen, creditUniform, transfer } from './commands.js'
import { guardedBatch } from './guarded.js'
import { balanceHot, balanceSeeded, balanceUniform } from './queries.js'
import { echo, ownBatch, rawBatch, rawSingle } from './raw.js'
import type { Random } from './request.js'

export const WORKS = {
  echo,
  rawSingle,
  rawBatch,
  ownBatch,
  guardedBatch,
  byHandUniform,
  byHandHot,
  creditUniform,
  creditHot,
  creditNinetyTen,
  transfer,
  bulk,
  balanceHot,
  balanceUniform,
  balanceSeeded,
} satisfies Readonly<
  Record<string, (nc: NatsConnection, random: Random, dynamodb_endpoint: string) => Operation>
>

export type WorkName = keyof typeof WORKS

export const isWorkName = (name: string): name is WorkName => Object.hasOwn(WORKS, name)
