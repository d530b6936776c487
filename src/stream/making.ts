/** Tells one making of a stream from another: a stream that was deleted and made again is another one. */

import type { StreamInfo } from '@nats-io/jetstream'
import { isSameStoredTime } from './recorded.js'

/** What tells one making of a stream from another. */
export type Making = {
  /** The time at which the stream was made, as its server reports it; a restored stream has a new time. */
  readonly created: string
  /**
   * The random name of the group of servers that agree on the stream; undefined on a single server. It stays for as long as the
   * stream is neither deleted nor given another number of replicas. The time does not always: where the request that made the
   * stream was sent twice, servers before 2.15 tell the second time once they were restarted (docs/measurements.md).
   */
  readonly raft_group?: string | undefined
}

const isSameTime = (a: string, b: string): boolean =>
  a === b || isSameStoredTime(Date.parse(a), Date.parse(b))

/** What a server tells of a stream's making. */
export const makingOf = ({ created, cluster }: Pick<StreamInfo, 'created' | 'cluster'>): Making => ({
  created,
  ...(cluster?.raft_group === undefined ? {} : { raft_group: cluster.raft_group }),
})

/** Whether a stream was made once only: it has the same time, or the same group of servers. */
export const isSameMaking = (a: Making, b: Making): boolean =>
  isSameTime(a.created, b.created) || (a.raft_group !== undefined && a.raft_group === b.raft_group)

/** Gives one time for one group of servers, the one that was told first: so a reader does not take it for another stream. */
export const createMakings = (): ((making: Making) => string) => {
  let known: Making | undefined
  return making => {
    const is_known = making.raft_group !== undefined && making.raft_group === known?.raft_group
    known = is_known ? known : making
    return known?.created ?? making.created
  }
}
