/**
 * Describes the ledger stream for a person: its size, its leader, and the state of each follower.
 */

import type { StreamInfo } from '@nats-io/jetstream'

export type StreamStatus = {
  readonly messages: number
  readonly last_seq: number
  readonly bytes: number
  readonly replicas: number
  readonly leader: string | undefined
  readonly followers: readonly { readonly name: string; readonly state: 'offline' | 'current' | 'behind' }[]
}

export const describeStream = ({ state, config, cluster }: StreamInfo): StreamStatus => ({
  messages: state.messages,
  last_seq: state.last_seq,
  bytes: state.bytes,
  replicas: config.num_replicas,
  leader: cluster?.leader,
  followers: (cluster?.replicas ?? []).map(({ name, current, offline }) => ({
    name,
    state: offline ? 'offline' : current ? 'current' : 'behind',
  })),
})
