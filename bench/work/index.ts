/** Lists all operations of a load client by name. A new benchmark adds its operations here. */

import type { NatsConnection } from 'nats'
import type { Operation } from '../measure/job.js'
import type { Targets } from '../processes/targets.js'
import { byHandHot, byHandUniform } from './by-hand.js'
import type { Random } from './client-request.js'
import {
  bulk,
  bulkWithIds,
  creditHot,
  creditHotWithId,
  creditNinetyTen,
  creditThousand,
  creditUniform,
  creditWithId,
  holdAndCapture,
  transfer,
  transferWithId,
} from './commands.js'
import { guardedBatch } from './guarded.js'
import { httpBalance, httpBatch, httpCredit, httpCreditHot, httpTransfer } from './http.js'
import { postgresBatch, postgresCredit, postgresCreditHot, postgresTransfer } from './postgres.js'
import { balanceHot, balanceSeeded, balanceUniform } from './queries.js'
import { echo, ownBatch, rawBatch, rawSingle } from './raw.js'

/** Operations over NATS. */
export const WORKS = {
  echo,
  rawSingle,
  rawBatch,
  ownBatch,
  guardedBatch,
  byHandUniform,
  byHandHot,
  creditUniform,
  creditThousand,
  creditHot,
  creditNinetyTen,
  creditWithId,
  creditHotWithId,
  holdAndCapture,
  transfer,
  transferWithId,
  bulk,
  bulkWithIds,
  balanceHot,
  balanceUniform,
  balanceSeeded,
} satisfies Readonly<
  Record<string, (nc: NatsConnection, random: Random, dynamodb_endpoint: string) => Operation>
>

/** Operations over connections of their own. */
export const DIRECT_WORKS = {
  httpCredit,
  httpCreditHot,
  httpTransfer,
  httpBatch,
  httpBalance,
  postgresCredit,
  postgresCreditHot,
  postgresTransfer,
  postgresBatch,
} satisfies Readonly<Record<string, (random: Random, targets: Targets) => Operation>>

export type WorkName = keyof typeof WORKS | keyof typeof DIRECT_WORKS

export const isWorkName = (name: string): name is keyof typeof WORKS => Object.hasOwn(WORKS, name)

export const isDirectWork = (name: string): name is keyof typeof DIRECT_WORKS =>
  Object.hasOwn(DIRECT_WORKS, name)
