/** Sends commands to the PostgreSQL ledger that is written by hand, without a process in between. */

import { uuidv7 } from '../../src/uuid.js'
import type { Operation, Result } from '../measure/job.js'
import type { Targets } from '../processes/targets.js'
import { codeOf, type Random, refused } from './client-request.js'
import { BULK_COMMANDS } from './commands.js'
import { HOT_CUSTOMER, pair, uniform } from './customers.js'
import { createPostgresLedger, type PostgresLedger } from './postgres-ledger.js'

const ACCEPTED: Result = { accepted: 1 }

/** The connections are kept from one measurement of this process to the next. */
let ledger: PostgresLedger | undefined

const calling =
  (call: (ledger: PostgresLedger, random: Random) => Promise<unknown>, result = ACCEPTED) =>
  (random: Random, { postgres_socket = '' }: Targets): Operation => {
    ledger ??= createPostgresLedger(postgres_socket)
    const opened = ledger
    return async () => {
      try {
        await call(opened, random)
        return result
      } catch (error) {
        return refused(codeOf(error))
      }
    }
  }

const entry = (client_id: string) => ({ id: uuidv7(), client_id, amount: 1 })

export const postgresCredit = calling(({ post }, random) => post(entry(uniform(random))))
export const postgresCreditHot = calling(({ post }) => post(entry(HOT_CUSTOMER)))

export const postgresTransfer = calling(({ transfer }, random) => {
  const [from, to] = pair(random)
  return transfer(uuidv7(), from, to, 1)
})

export const postgresBatch = calling(
  ({ postAll }, random) => postAll(Array.from({ length: BULK_COMMANDS }, () => entry(uniform(random)))),
  { accepted: BULK_COMMANDS },
)
