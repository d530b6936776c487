/**
 * Whether the servers of the ledger are such as keep what they acknowledged: asked at the start, which a refusal ends, and
 * while the ledger runs, because somebody may start another program on a node.
 */

import type { StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Health } from '../health.js'
import type { StreamError } from '../stream/errors.js'
import { serverFacts } from '../stream/provision.js'
import { judgeServers, type ServerVerdict } from '../stream/server-policy.js'
import { ledgerStream, type SettingsOptions } from '../stream/settings.js'
import type { Members } from './members.js'

/** The part of health that tells of the servers. */
export const SERVERS = 'nats servers'

export type ServerDeps = {
  readonly nc: NatsConnection
  readonly settings: SettingsOptions
  readonly health: Health
}

/** Judges every server that is known; without a stream, for the one that is wanted. */
export const judgeMembers = (
  { nc, settings }: Pick<ServerDeps, 'nc' | 'settings'>,
  members: Members,
  info: Pick<StreamInfo, 'config'> | undefined,
): ServerVerdict => {
  const facts = serverFacts(nc, info?.config ?? ledgerStream(settings))
  const versions = [...new Set([...facts.versions, ...members.seen.map(({ version }) => version)])]
  return judgeServers({ ...facts, versions })
}

/** Why the ledger must not be opened on these servers. */
export const refusalOf = (
  deps: Pick<ServerDeps, 'nc' | 'settings'>,
  members: Members,
  info: Pick<StreamInfo, 'config'> | undefined,
): StreamError | undefined => {
  const { refusal } = judgeMembers(deps, members, info)
  return refusal === undefined ? undefined : { tag: 'SettingsDiffer', message: refusal }
}

/** Tells in health what is known of the servers while the ledger runs. */
export const reportServers = (deps: ServerDeps, members: Members, info: StreamInfo): void => {
  const { refusal, warnings } = judgeMembers(deps, members, info)
  if (refusal !== undefined) deps.health.report(SERVERS, 'down', refusal)
  else deps.health.report(SERVERS, warnings.length === 0 ? 'ok' : 'degraded', warnings.join('; '))
}
