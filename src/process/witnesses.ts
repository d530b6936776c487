/**
 * Reads what each table noted about the stream that it was folded from. These notes are witnesses: they tell later
 * whether the stream is still the same one.
 */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { Witness } from '../belonging/look.js'
import { E, type TaskEither } from '../fp.js'
import { readPointer } from '../generations/pointer.js'
import { originIn } from '../projections/belonging.js'
import type { StreamError } from '../stream/errors.js'
import { PROJECTION_NAMES, type ProjectionName, TABLES, tableName } from '../tables/definition.js'
import { readIdentity } from '../tables/identity.js'
import { tableFacts } from '../tables/provision.js'

export type WitnessDeps = {
  readonly jsm: JetStreamManager
  readonly tables: DynamoDBDocumentClient
  /** The base name of all tables. */
  readonly base: string
}

/**
 * The note of one projection's active table. A table that the projection did not fill is no witness: it may be a copy
 * of another ledger's table, and is folded again anyway. A table that cannot be read is no witness either, because
 * the ledger must also start while DynamoDB is down.
 */
const witnessOf = async (
  { jsm, tables, base }: WitnessDeps,
  projection: ProjectionName,
): Promise<readonly Witness[]> => {
  const pointer = await readPointer(jsm, projection)()
  const table = tableName(base, projection, E.isRight(pointer) ? pointer.right.generation : 1)
  const facts = await tableFacts(tables, table, TABLES[projection])()
  if (E.isLeft(facts) || facts.right === undefined || facts.right.problems.length > 0) return []
  const identity = await readIdentity(tables, table)()
  if (E.isLeft(identity) || identity.right?.table_id !== facts.right.table_id) return []
  const origin = originIn(identity.right)
  return origin === undefined ? [] : [{ where: `table ${table}`, origin }]
}

/** The notes of the active generation's table of every projection. */
export const tableWitnesses =
  (deps: WitnessDeps): TaskEither<StreamError, readonly Witness[]> =>
  async () =>
    E.right((await Promise.all(PROJECTION_NAMES.map(name => witnessOf(deps, name)))).flat())
