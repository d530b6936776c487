/**
 * The assets that are declared: keys `asset.<ASSET>` of the bucket `config`, and `asset.default` for the default asset. The
 * command side takes commands of declared assets only; the fold asks nobody, because a law must not depend on a bucket
 * (docs/adr/0058-assets.md). An asset is never taken back: accounts may have it.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import { E, pipe, type TaskEither, TE, t, unwrap } from '../fp.js'
import { readJson } from '../json.js'
import { ASSET_SCALE_MAX, Asset } from '../ledger/account-id.js'
import { exactFieldsOf } from '../ledger/codec.js'
import { getText, putText, subjectOfKey } from './config-bucket.js'
import { type StreamError, tryStream } from './errors.js'
import { nextRecorded } from './read.js'
import { CONFIG_STREAM } from './settings.js'

const PREFIX = 'asset.'
/** The key of the default asset; a name of an asset has no small letters. */
const DEFAULT = 'default'
/** A ledger has so many assets at most. */
export const ASSETS_MAX = 200
const NAME_CHARS_MAX = 64

/** What people are told of an asset: `scale` is the number of decimals of its minor unit. */
export type AssetFacts = { readonly scale: number; readonly name: string }

const Scale = new t.Type<number, number, unknown>(
  'Scale',
  t.number.is,
  (u, context) =>
    typeof u === 'number' && Number.isSafeInteger(u) && u >= 0 && u <= ASSET_SCALE_MAX
      ? t.success(u)
      : t.failure(u, context, `must be a whole number from 0 to ${ASSET_SCALE_MAX}`),
  Number,
)

const Name = new t.Type<string, string, unknown>(
  'Name',
  t.string.is,
  (u, context) =>
    typeof u === 'string' && u.length >= 1 && u.length <= NAME_CHARS_MAX && !/\p{C}/u.test(u)
      ? t.success(u)
      : t.failure(u, context, `must be 1 to ${NAME_CHARS_MAX} printable characters`),
  String,
)

/** Decodes the facts of an asset. */
export const AssetFacts = exactFieldsOf({ scale: Scale, name: Name })

/** The declared assets by their names; undefined is the default asset, where somebody has said what it is. */
export type DeclaredAssets = ReadonlyMap<string | undefined, AssetFacts>

/** Every key of the bucket that declares an asset. */
export const EVERY_ASSET = `${PREFIX}*`

const keyOf = (asset: string | undefined): string => PREFIX + (asset ?? DEFAULT)

const factsIn = (text: string): AssetFacts | undefined => {
  const json = readJson(text)
  const facts = E.isRight(json) ? AssetFacts.decode(json.right) : json
  return E.isRight(facts) ? (facts.right as AssetFacts) : undefined
}

/**
 * The assets as the bucket's leader has them. A key that nobody can read declares nothing. They are read one by one, which needs
 * no right that an instance does not have anyway: there are few, and they are read seldom.
 */
export const readAssets = (jsm: JetStreamManager): TaskEither<StreamError, DeclaredAssets> =>
  tryStream('the declared assets', async () => {
    const assets = new Map<string | undefined, AssetFacts>()
    for (let seq = 1, looks = 0; looks <= ASSETS_MAX; looks += 1) {
      const found = unwrap(await nextRecorded(jsm, CONFIG_STREAM, subjectOfKey(EVERY_ASSET), seq)())
      if (found === undefined) break
      seq = found.seq + 1
      const name = found.subject.slice(subjectOfKey(PREFIX).length)
      const facts = factsIn(Buffer.from(found.body).toString())
      if (facts !== undefined && (name === DEFAULT || Asset.is(name)))
        assets.set(name === DEFAULT ? undefined : name, facts)
    }
    return assets
  })

/** The declarations are read at most so often: so late an asset may be known. */
const LOOK_EVERY_MS = 1_000

/** The declared assets, as of a second ago at most. Never rejects. */
export type LookAtAssets = () => Promise<E.Either<StreamError, DeclaredAssets>>

export const createAssetLook = (jsm: JetStreamManager): LookAtAssets => {
  let looked_ms = Number.NEGATIVE_INFINITY
  let looking: ReturnType<LookAtAssets> | undefined
  return () => {
    if (looking === undefined || performance.now() - looked_ms >= LOOK_EVERY_MS) {
      looked_ms = performance.now()
      looking = readAssets(jsm)()
    }
    return looking
  }
}

/** What is declared of one asset. */
export const readAsset = (
  kv: KV,
  asset: string | undefined,
): TaskEither<StreamError, AssetFacts | undefined> =>
  pipe(
    getText(kv, keyOf(asset)),
    TE.map(text => (text === undefined ? undefined : factsIn(text))),
  )

/** Declares an asset, or changes what is said of it. */
export const declareAsset = (
  kv: KV,
  asset: string | undefined,
  facts: AssetFacts,
): TaskEither<StreamError, void> => putText(kv, keyOf(asset), JSON.stringify(facts))
