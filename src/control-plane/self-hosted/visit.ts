/**
 * Short visits to an account: what its streams hold, and deleting them. The user of a visit is made for it, may do nothing
 * else, and is valid for a minute.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { type NatsConnection, nkeys } from 'nats'
import { E, Failed, run } from '../../fp.js'
import { randomId } from '../../random-id.js'
import { tryStream } from '../../stream/errors.js'
import { manager } from '../../stream/provision.js'
import type { Holding } from '../provider.js'
import { credsText, type NkeyPair, signJwt } from './jwt.js'
import { USER_LIMITS } from './operator.js'

/** Opens a connection with the text of a .creds file. Throws when it cannot. */
export type Connect = (creds: string, inbox_prefix: string | undefined) => Promise<NatsConnection>

const VISIT_S_MAX = 60
const STREAMS = '$JS.API.STREAM'
const TRIES_MAX = 5
const BETWEEN_TRIES_MS = 100
export type Visit = {
  readonly holdings: () => Promise<readonly Holding[]>
  readonly deleteStreams: () => Promise<void>
  /** Whether the servers give the account JetStream. They may need a moment for a new account. */
  readonly hasJetStream: () => Promise<boolean>
}

const visitorCreds = (account: NkeyPair, inbox_prefix: string, iat_s: number): string => {
  const user = nkeys.createUser()
  const jwt = signJwt(account, {
    sub: user.getPublicKey(),
    name: 'control-plane',
    type: 'user',
    nats: {
      pub: { allow: [`${STREAMS}.LIST`, `${STREAMS}.DELETE.*`] },
      sub: { allow: [`${inbox_prefix}.>`] },
      ...USER_LIMITS,
    },
    iat_s,
    exp_s: iat_s + VISIT_S_MAX,
  })
  return credsText(jwt, user)
}

const listAll = async (jsm: JetStreamManager): Promise<readonly StreamInfo[]> => {
  const infos: StreamInfo[] = []
  for await (const info of jsm.streams.list()) infos.push(info)
  return infos
}

const isNotEnabled = (cause: unknown): boolean =>
  cause instanceof Error && cause.name === 'JetStreamNotEnabled'

const waitForJetStream = async (jsm: JetStreamManager): Promise<boolean> => {
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    const found = await tryStream("the account's streams", () => listAll(jsm))()
    if (E.isRight(found)) return true
    if (!isNotEnabled(found.left.cause)) throw new Failed(found.left)
    await sleep(BETWEEN_TRIES_MS)
  }
  return false
}

/** Visits an account as a user whose JWT is issued at `iat_s`, which must be later than a revocation of all users. */
export const visit = async <A>(
  connect: Connect,
  account: NkeyPair,
  iat_s: number,
  work: (visit: Visit) => Promise<A>,
): Promise<A> => {
  const inbox_prefix = `_INBOX.${randomId()}`
  const nc = await connect(visitorCreds(account, inbox_prefix, iat_s), inbox_prefix)
  try {
    const jsm = await run(manager(nc))
    const holdings = async (): Promise<readonly Holding[]> => {
      const infos = await run(tryStream("the account's streams", () => listAll(jsm)))
      return infos.map(({ config, state }) => ({ stream: config.name, messages: state.messages }))
    }
    const deleteStreams = async (): Promise<void> => {
      for (const { stream } of await holdings())
        await run(tryStream(`stream ${stream}`, () => jsm.streams.delete(stream)))
    }
    return await work({ holdings, deleteStreams, hasJetStream: () => waitForJetStream(jsm) })
  } finally {
    await nc.close()
  }
}
