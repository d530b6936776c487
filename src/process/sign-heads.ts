/** Starts to sign heads of the ledger and to keep them in a bucket, where a key and a bucket are configured. */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { type Keeper, type KeeperDeps, startKeeper } from '../chain/keeper.js'
import { lockedStore } from '../chain/locked-store.js'
import type { Signer } from '../chain/nkey.js'
import { type Shelf, startShelf } from '../chain/shelf.js'
import type { Config } from './config.js'
import { configuredSigner } from './head-key.js'

type HeadsDeps = KeeperDeps & { readonly tables: DynamoDBDocumentClient }

/** The bucket is written to with the credentials that the SDK finds for DynamoDB: those of the task. */
const startKeeping = (
  { JETLEDGER_HEAD_BUCKET: bucket, JETLEDGER_HEAD_LOCK_DAYS, AWS_REGION, AWS_ENDPOINT_URL_S3 }: Config,
  { tables, ...deps }: HeadsDeps,
  { key }: Signer,
): Shelf | undefined => {
  if (bucket === undefined || AWS_REGION === undefined) return undefined
  const store = lockedStore({
    bucket,
    region: AWS_REGION,
    endpoint: AWS_ENDPOINT_URL_S3,
    locked_days: JETLEDGER_HEAD_LOCK_DAYS,
    credentials: () => tables.config.credentials(),
  })
  return startShelf(deps, key, store)
}

/** Starts to sign; undefined, with one line in the log, when no key is configured. */
export const startHeads = (config: Config, deps: HeadsDeps): Keeper | undefined => {
  const signer = configuredSigner(config)
  if (signer === undefined) {
    deps.log.info('no heads are signed: JETLEDGER_HEAD_SEED_FILE is not set')
    return undefined
  }
  const keeper = startKeeper(deps, signer)
  const shelf = startKeeping(config, deps, signer)
  return {
    stop: async () => {
      // the last head is signed before it is kept
      await keeper.stop()
      await shelf?.stop()
    },
  }
}
