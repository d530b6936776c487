/**
 * Prints the state of a ledger for a person, as `jetledger status` shows it.
 */

import type { ProjectionStatus } from '../../generations/status.js'
import type { Members } from '../../process/members.js'
import { print } from '../../process/output.js'
import type { ReplayAtWork } from '../../projections/rebuild/lock.js'
import type { ServiceInstance } from '../../service/instances.js'
import { isSilent } from './check.js'
import type { LedgerStatus } from './read.js'

const projectionLine = ({ projection, generation, previous, by, lag, said }: ProjectionStatus): string => {
  const kept = previous === undefined ? '' : ` (${previous} is kept)`
  const name = `  ${projection.padEnd(9)} generation ${generation}${kept}${by === undefined ? '' : ` by ${by}`}`
  if (lag === undefined) return `${name}, nobody has run it yet`
  const behind = lag.lag_events === 0 ? 'caught up' : `${lag.lag_events} events behind, for ${lag.lag_ms} ms`
  if (said === undefined) return `${name}, at ${lag.seq}, ${behind}`
  const silence = isSilent(said, Date.now()) ? `, silent since ${said.at}` : ''
  const state = said.is_waiting ? 'ready' : 'active'
  const trouble = said.last_error === undefined ? '' : `, last error: ${said.last_error}`
  return `${name}, at ${lag.seq}, ${behind}, ${state} on ${said.instance}${silence}${trouble}`
}

const replayLine = ({ projection, generation, seq, owner, is_running }: ReplayAtWork): string =>
  is_running
    ? `  replay of ${projection} into generation ${generation} at ${seq}, on ${owner}`
    : `  replay of ${projection} into generation ${generation} ended early at ${seq}: "jetledger replay ${projection}" goes on, --cancel drops it`

const instanceLine = ({ id, version, endpoints, slowed_to_per_s }: ServiceInstance): string => {
  const slowed =
    slowed_to_per_s === undefined
      ? ''
      : `; projections are behind: slowed to ${slowed_to_per_s} commands/s, others are answered BUSY`
  return `  ${id}  version ${version}  ${endpoints.map(({ name }) => name).join(', ')}${slowed}`
}

const serversLine = ({ seen, unseen }: Members): string => {
  const known = seen.map(({ name, version }) => `${name} ${version}`).join(', ')
  return unseen.length === 0 ? known : `${known}; not known: ${unseen.join(', ')}`
}

const SHOWN_MAX = 10

/** Prints the state for a person. */
export const printStatus = ({
  stream,
  servers,
  seed,
  projections,
  journal,
  replays,
  dead_letters,
  parked,
  instances,
  trouble,
  warnings,
}: LedgerStatus): void => {
  const { messages, last_seq, bytes, replicas, leader, followers } = stream
  const peers = followers.map(({ name, state }) => `${name} (${state})`).join(', ')
  const where = leader === undefined ? '' : `, leader ${leader}${peers === '' ? '' : `, followers ${peers}`}`
  print(
    `stream        ${messages} events to sequence ${last_seq}, ${bytes} bytes, replicas ${replicas}${where}`,
  )
  print(`servers       ${serversLine(servers)}`)
  print(`seed          ${seed}`)
  print('projections')
  for (const projection of projections) print(projectionLine(projection))
  for (const replay of replays) print(replayLine(replay))
  if (journal === 'savepoints') print('rows          of savepoints only')
  const refused = Object.entries(dead_letters.unstorable).map(([name, count]) => `${count} of ${name}`)
  const unstorable = refused.length === 0 ? '' : `, refused by their tables: ${refused.join(', ')}`
  const junk = dead_letters.junk === 0 ? '' : `, ${dead_letters.junk} messages among them are none`
  print(`dead letters  ${dead_letters.open} open of ${dead_letters.total}${unstorable}${junk}`)
  const more = parked.length > SHOWN_MAX ? ', ...' : ''
  const named = parked.length === 0 ? '' : `: ${parked.slice(0, SHOWN_MAX).join(', ')}${more}`
  print(`parked        ${parked.length} customers${named}`)
  print(`instances     ${instances.length}`)
  for (const instance of instances) print(instanceLine(instance))
  for (const each of trouble) print(`TROUBLE       ${each}`)
  for (const each of warnings) print(`WARNING       ${each}`)
}
