/**
 * Judges whether the nats-servers of the ledger keep the events that they acknowledge. This is asked at the start,
 * where a refusal keeps the ledger from opening, and while the ledger runs, because a node may be restarted with
 * another version.
 */

import type { StreamInfo } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import type { Health } from '../health.js'
import type { StreamError } from '../stream/errors.js'
import { serverFacts } from '../stream/provision.js'
import { judgeServers, type ServerVerdict } from '../stream/server-policy.js'
import { ledgerStream, type SettingsOptions } from '../stream/settings.js'
import type { Members } from './members.js'

/** The part of health for the nats-servers. */
export const SERVERS = 'nats servers'

export type ServerDeps = {
  readonly nc: NatsConnection
  readonly settings: SettingsOptions
  readonly health: Health
}

/** Judges every known server, for the stream's settings; without `info`, for the settings that the stream is to get. */
export const judgeMembers = (
  { nc, settings }: Pick<ServerDeps, 'nc' | 'settings'>,
  members: Members,
  info: Pick<StreamInfo, 'config'> | undefined,
): ServerVerdict => {
  const facts = serverFacts(nc, info?.config ?? ledgerStream(settings))
  const versions = [...new Set([...facts.versions, ...members.seen.map(({ version }) => version)])]
  return judgeServers({ ...facts, versions })
}

/** The reason why the ledger must not be opened on these servers; undefined when it may be. */
export const refusalOf = (
  deps: Pick<ServerDeps, 'nc' | 'settings'>,
  members: Members,
  info: Pick<StreamInfo, 'config'> | undefined,
): StreamError | undefined => {
  const { refusal } = judgeMembers(deps, members, info)
  return refusal === undefined ? undefined : { tag: 'SettingsDiffer', message: refusal }
}

/** Reports the judgement of the servers in health while the ledger runs. */
export const reportServers = (deps: ServerDeps, members: Members, info: StreamInfo): void => {
  const { refusal, warnings } = judgeMembers(deps, members, info)
  if (refusal !== undefined) deps.health.report(SERVERS, 'down', refusal)
  else deps.health.report(SERVERS, warnings.length === 0 ? 'ok' : 'degraded', warnings.join('; '))
}
