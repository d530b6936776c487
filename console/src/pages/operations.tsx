/** What an operator looks at and does: health, projections and replays, dead letters, parked customers, instances, servers. */

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { accountName } from '../account-name.js'
import { get, post } from '../api.js'
import { bytesText, countText, timeText } from '../format.js'
import type { OperationsStatus, ParkedCustomer, Projection, Replay } from '../ledger.js'
import { Facts, Problem, Scroll, State, Waiting } from '../parts.js'
import { linkTo } from '../route.js'
import { Letters } from './letters.js'

const REFRESH_MS = 3_000
const SILENT_MS = 20_000

const STATES = { ok: 'good', degraded: 'warn', down: 'bad' } as const

const Health = ({ health }: Pick<OperationsStatus, 'health'>) => {
  const troubles = Object.entries(health.parts).filter(([, { state }]) => state !== 'ok')
  return (
    <section aria-labelledby="health">
      <h2 id="health">
        Health <State is={STATES[health.state]}>{health.state}</State>
      </h2>
      <p className="hint">Of the process that answers these questions.</p>
      {troubles.length === 0 ? (
        <p>All {Object.keys(health.parts).length} parts are ok.</p>
      ) : (
        <ul>
          {troubles.map(([name, { state, detail }]) => (
            <li key={name}>
              <State is={STATES[state]}>{state}</State> {name}: {detail}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

const stateOfReplay = ({ state, stage, done, total, error, generation }: Replay): string => {
  switch (state) {
    case 'running':
      return `${stage}, ${countText(done)} of ${countText(total)}`
    case 'done':
      return `replayed into generation ${generation}`
    case 'failed':
      return `the replay failed: ${error}`
    case 'cancelled':
      return 'the replay was cancelled'
  }
}

const ReplayCell = ({
  projection,
  replay,
}: {
  readonly projection: string
  readonly replay: Replay | undefined
}) => {
  const cache = useQueryClient()
  const act = useMutation({
    mutationFn: (what: 'replay' | 'cancel') => post(`/v1/operations/projections/${projection}/${what}`, {}),
    onSettled: () => cache.invalidateQueries({ queryKey: ['operations'] }),
  })
  const is_running = replay?.state === 'running'
  return (
    <>
      {replay === undefined ? null : <span role="status">{stateOfReplay(replay)} </span>}
      {is_running ? (
        <progress
          max={Math.max(replay.total, 1)}
          value={replay.done}
          aria-label={`Replay of ${projection}`}
        />
      ) : null}
      <button
        type="button"
        className="quiet"
        aria-label={is_running ? `Cancel the replay of ${projection}` : `Replay ${projection}`}
        onClick={() => act.mutate(is_running ? 'cancel' : 'replay')}
      >
        {is_running ? 'Cancel' : 'Replay'}
      </button>
      <Problem error={act.error} />
    </>
  )
}

const activeText = ({ said }: Projection): string => {
  if (said === undefined) return 'nobody has run it yet'
  const is_silent = Date.now() - Date.parse(said.at) > SILENT_MS
  const trouble = said.last_error === undefined ? '' : `, last error: ${said.last_error}`
  return `${said.instance}${is_silent ? `, last report ${timeText(said.at)}` : ''}${trouble}`
}

const Lag = ({ projection: { lag } }: { readonly projection: Projection }) => {
  if (lag === undefined) return <>not run yet</>
  return lag.lag_events === 0 ? (
    <State is="good">caught up</State>
  ) : (
    <State is="warn">{countText(lag.lag_events)} events behind</State>
  )
}

const Projections = ({ projections, replays }: Pick<OperationsStatus, 'projections' | 'replays'>) => (
  <section aria-labelledby="projections">
    <h2 id="projections">Projections</h2>
    <Scroll label="Projections">
      <table>
        <thead>
          <tr>
            <th scope="col">Projection</th>
            <th scope="col" className="number">
              Generation
            </th>
            <th scope="col">Lag</th>
            <th scope="col" className="number">
              At sequence
            </th>
            <th scope="col">Active on</th>
            <th scope="col">Replay</th>
          </tr>
        </thead>
        <tbody>
          {projections.map(one => (
            <tr key={one.projection}>
              <th scope="row">{one.projection}</th>
              <td className="number">{one.generation}</td>
              <td>
                <Lag projection={one} />
              </td>
              <td className="number">{one.lag?.seq}</td>
              <td>{activeText(one)}</td>
              <td>
                <ReplayCell
                  projection={one.projection}
                  replay={replays.find(({ projection }) => projection === one.projection)}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  </section>
)

const Nodes = ({ stream, servers }: Pick<OperationsStatus, 'stream' | 'servers'>) => (
  <section aria-labelledby="nodes">
    <h2 id="nodes">NATS</h2>
    <Facts
      facts={[
        ['Events', countText(stream.messages)],
        ['Last sequence', countText(stream.last_seq)],
        ['Size', bytesText(stream.bytes)],
        ['Replicas', stream.replicas],
        ['Leader', stream.leader ?? 'a single server'],
        ...(stream.followers ?? []).map(
          ({ name, state }) =>
            [
              `Follower ${name}`,
              <State key={name} is={state === 'current' ? 'good' : 'bad'}>
                {state}
              </State>,
            ] as const,
        ),
        ['Servers', servers.seen.map(({ name, version }) => `${name} ${version}`).join(', ')],
        ...(servers.unseen.length === 0 ? [] : [['Not reached', servers.unseen.join(', ')] as const]),
      ]}
    />
  </section>
)

const Instances = ({ instances }: Pick<OperationsStatus, 'instances'>) => (
  <section aria-labelledby="instances">
    <h2 id="instances">Instances</h2>
    <ul>
      {instances.map(({ id, version, endpoints = [], slowed_to_per_s }) => (
        <li key={id}>
          <code>{id}</code> version {version}, {endpoints.length} endpoints
          {slowed_to_per_s === undefined ? null : (
            <State is="warn"> slowed to {slowed_to_per_s} commands/s</State>
          )}
        </li>
      ))}
    </ul>
  </section>
)

const ParkedList = () => {
  const parked = useQuery({
    queryKey: ['operations', 'parked'],
    queryFn: () => get<{ readonly parked: readonly ParkedCustomer[] }>('/v1/operations/parked'),
    refetchInterval: REFRESH_MS,
  })
  return (
    <section aria-labelledby="parked">
      <h2 id="parked">Parked customers</h2>
      <Problem error={parked.error} />
      {parked.data?.parked.length === 0 ? <p>No customer waits at an event that no program knows.</p> : null}
      <ul>
        {(parked.data?.parked ?? []).map(({ client_id, asset, seq, schema, decided }) => (
          <li key={seq}>
            <a href={linkTo('customers', accountName({ client_id, asset }))}>
              {accountName({ client_id, asset })}
            </a>{' '}
            waits at event {seq} of schema {schema}
            {decided === true ? '; decided, it is being folded again' : ''}
          </li>
        ))}
      </ul>
    </section>
  )
}

export const OperationsPage = () => {
  const status = useQuery({
    queryKey: ['operations', 'status'],
    queryFn: () => get<OperationsStatus>('/v1/operations/status'),
    refetchInterval: REFRESH_MS,
  })
  return (
    <>
      <h1>Operations</h1>
      <Problem error={status.error} />
      {status.isPending ? <Waiting what="the state of the ledger" /> : null}
      {status.data === undefined ? null : (
        <>
          <p className="hint">As of {timeText(status.data.at)} UTC, read again every 3 s.</p>
          <Health health={status.data.health} />
          <Projections {...status.data} />
        </>
      )}
      <Letters />
      <ParkedList />
      {status.data === undefined ? null : (
        <>
          <Instances {...status.data} />
          <Nodes {...status.data} />
        </>
      )}
    </>
  )
}
