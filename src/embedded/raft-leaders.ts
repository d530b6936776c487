/**
 * Checks whether a node of a cluster knows a leader for every Raft group that it belongs to. After a restart the meta
 * group, every stream and every consumer elect a leader each, within 4 to 9 s (a time fixed in nats-server). Requests
 * that come sooner time out, and `/healthz` says "ok" meanwhile. Measured on 2.14.0.
 */

import { E } from '../fp.js'
import { readJson } from '../json.js'

type Group = { leader?: string }
type Stream = { cluster?: Group; consumer_detail?: { cluster?: Group }[] }
type Jsz = { meta_cluster?: Group; account_details?: { stream_detail?: Stream[] }[] }

/** The path of the monitoring port whose answer `hasAllLeaders` reads. */
export const LEADERS_PATH = '/jsz?accounts=1&streams=1&consumers=1'

/**
 * Reads the JSON answer of `LEADERS_PATH`. A group without cluster information has no replicas, and so needs no
 * election.
 */
export const hasAllLeaders = (text: string): boolean => {
  const read = readJson(text)
  if (E.isLeft(read)) return false
  const { meta_cluster = {}, account_details = [] } = read.right as Jsz
  const streams = account_details.flatMap(({ stream_detail = [] }) => stream_detail)
  const assets = streams.flatMap(stream => [stream, ...(stream.consumer_detail ?? [])])
  const groups = [meta_cluster, ...assets.flatMap(({ cluster }) => cluster ?? [])]
  return groups.every(({ leader }) => leader !== undefined && leader !== '')
}
