/**
 * Starts the roles of a process, over one connection to NATS and one DynamoDB client.
 */

import type { Admission } from '../commands/admission/admission.js'
import { createAssetGate } from '../commands/asset-gate.js'
import { createCoordinator, createHoldEnds, createTaker } from '../commands/compose.js'
import { withHoldEnds } from '../commands/ended-hold.js'
import { createAudit } from '../commands/endpoints/audit.js'
import { commandEndpoints } from '../commands/endpoints/movements.js'
import { gated } from '../commands/gate.js'
import { createAccounts, type OnStored } from '../commands/group-commit/accounts.js'
import { answerBound_ms } from '../commands/group-commit/group.js'
import { createJournalLookup } from '../commands/idempotency/journal-lookup.js'
import { followKnownIds } from '../commands/idempotency/known-ids.js'
import { Router } from '../commands/routing/router.js'
import { createSchemaGate } from '../commands/schema-gate.js'
import { startSweeper, sweepPorts } from '../commands/sweeper/sweeper.js'
import { pipe, TE } from '../fp.js'
import { limitedLog } from '../log-limit.js'
import { waitCaughtUp } from '../projections/caught-up.js'
import { consumerName } from '../projections/target.js'
import type { Queries } from '../queries/queries.js'
import { createPersonKeys } from '../sealing/person-keys.js'
import { createSealer, NO_SEALER } from '../sealing/seal-command.js'
import type { AnyEndpointConfig } from '../service/config.js'
import { type Service, startService } from '../service/service.js'
import { createAssetLook } from '../stream/assets.js'
import type { StreamError } from '../stream/errors.js'
import type { TableError } from '../tables/errors.js'
import { type ActiveTables, followTables } from './active-tables.js'
import { startLedgerAdmission } from './admission.js'
import { guarded } from './closed-service.js'
import { type Config, callersOf, type Role } from './config.js'
import { limitedTo } from './endpoint-limits.js'
import { logInFlight } from './in-flight.js'
import { type Ledger, START } from './open-ledger.js'
import { startOperationsRole } from './operations-role.js'
import { type RunningPart, runProjections } from './projections-part.js'
import { startQueryRole } from './query-role.js'
import { watchService } from './service-metrics.js'
import { VERSION } from './version.js'

const COMMAND_TIMEOUT_MS = 3_000
const ENDPOINT_LATER_MS = 5_000
const CATCH_UP_MS_MAX = 60_000
/** The longest wait at the start for the transaction ids; with a longer stream ids are looked up until it was read. */
const KNOWN_IDS_MS_MAX = 3_000

export type RunningRoles = {
  /** Takes no new requests, then finishes the commands that wait and the batch that the projector works on. */
  readonly stop: () => Promise<void>
}

/** Treats a table that is not believed like one that cannot be reached: the commands read the stream instead. */
const asStreamError = ({ message, cause }: StreamError | TableError): StreamError => ({
  tag: 'TryAgain',
  message,
  cause,
})

type Commands = {
  readonly endpoints: AnyEndpointConfig[]
  readonly admission: Admission
  readonly router: Router
  readonly stop: () => Promise<void>
}

const startCommands = async (
  { config, ...ledger }: Ledger,
  active: ActiveTables,
  onStored: OnStored,
): Promise<Commands> => {
  const deps = {
    ...ledger,
    log: limitedLog(ledger.log),
    table: pipe(
      active.now,
      TE.bimap(asStreamError, ({ table }) => table),
    ),
  }
  const known = followKnownIds(ledger)
  await known.begun(KNOWN_IDS_MS_MAX)
  const source = {
    table: pipe(
      active.now,
      // the journal must be whole: a half-filled one may lack a transaction id that is in the stream
      TE.bimap(asStreamError, ({ table, trustWhole }) => ({ table, trust: trustWhole })),
    ),
    consumer: pipe(
      active.generation,
      TE.map(generation => consumerName('ledger', generation)),
    ),
  }
  const journal = createJournalLookup(deps, source, { known })
  const admission = startLedgerAdmission({ config, ...ledger }, active, known)
  const limits = { queue_max: config.JETLEDGER_COMMAND_QUEUE, timeout_ms: COMMAND_TIMEOUT_MS }
  const accounts = createAccounts(deps, onStored)
  const coordinator = createCoordinator(deps, {
    ...limits,
    accounts,
    find: journal.find,
    mayHave: known.mayHave,
    admit: admission.admit,
  })
  const mayDecide = (): boolean => ledger.standing?.reason() === undefined
  const sealer = config.JETLEDGER_TEXTS === 'sealed' ? createSealer(createPersonKeys(ledger)) : NO_SEALER
  const taker = createTaker(deps, coordinator, journal, limits, sealer)
  const router = new Router({ ...deps, mayDecide }, taker, limits)
  const [schema, assets] = [createSchemaGate(ledger.jsm), createAssetGate(createAssetLook(ledger.jsm))]
  const gates = [schema, assets]
  const findHoldEnd = createHoldEnds(deps, journal, source)
  const sweeping = {
    table: pipe(
      active.now,
      TE.map(({ table }) => table),
    ),
    accounts,
    admit: admission.admit,
    isOnDuty: () => router.is_deciding && mayDecide(),
    assets: assets.declared,
  }
  const sweeper = startSweeper(sweepPorts(deps, sweeping), schema)
  const audit = createAudit(ledger.log, callersOf(config), config.JETLEDGER_AUDIT)
  const { admit, data } = admission
  return {
    endpoints: commandEndpoints(
      gated(withHoldEnds(router, findHoldEnd), gates),
      deps,
      commandLimits(config),
      journal,
      {
        admit,
        data,
        audit,
        gates,
        sealer,
      },
    ),
    admission,
    router,
    stop: async () => {
      await sweeper.stop()
      await router.stop()
      await coordinator.stop()
      admission.stop()
      await known.stop()
    },
  }
}

const commandLimits = (config: Config) => ({
  max_in_flight: config.JETLEDGER_MAX_IN_FLIGHT,
  // the coordinator answers every command in time, so the endpoint must not time out before it
  timeout_ms: answerBound_ms(COMMAND_TIMEOUT_MS) + ENDPOINT_LATER_MS,
})

/** The service `customer` with the endpoints of this process's roles. */
const startEndpoints = (
  { nc, config, log }: Ledger,
  endpoints: readonly AnyEndpointConfig[],
): Promise<Service> =>
  startService(nc, {
    name: 'customer',
    version: VERSION,
    description: 'customer service',
    log,
    reply_prefixes: config.JETLEDGER_REPLY_PREFIXES,
    endpoints,
  })

/** Receives the progress of the projection while the queries wait for it: events handled, and events in all. */
export type OnFolding = (done: number, total: number) => void

/**
 * Waits until the table holds the events that the stream held at the start: before that, a table that is being filled
 * would give balances of 0. It waits a minute at most, also when the projection is far behind or does not run.
 */
const waitForBalances = async (ledger: Ledger, signal: AbortSignal, onFolding: OnFolding): Promise<void> => {
  const behind = await waitCaughtUp(ledger, 'ledger', CATCH_UP_MS_MAX, signal, onFolding)
  if (behind > 0 && !signal.aborted)
    ledger.log.warn({ events: behind }, 'the balances are still being folded')
}

type RolesOptions = {
  readonly onFolding?: OnFolding | undefined
  /** Starts the projections; unless stated they run in this thread. */
  readonly startProjections?: ((ledger: Ledger) => RunningPart) | undefined
  /** Is given the endpoints of this process once they serve, and undefined before they end. */
  readonly onService?: ((service: Service | undefined) => void) | undefined
}

/**
 * Starts the configured roles on an open ledger: first the projections, then the queries and commands that read them.
 */
export const startRoles = async (
  ledger: Ledger,
  signal: AbortSignal,
  {
    onFolding = () => undefined,
    startProjections = own => runProjections(own.config, own),
    onService = () => undefined,
  }: RolesOptions = {},
): Promise<RunningRoles> => {
  const { config, log, health, standing } = ledger
  const has = (role: Role): boolean => config.JETLEDGER_ROLES.includes(role)
  const projections = has('projections') ? startProjections(ledger) : undefined
  if (has('queries')) await waitForBalances(ledger, signal, onFolding)
  const active = followTables(ledger, config.DDB_TABLE)
  let queries: Queries | undefined
  const onStored: OnStored = accounts => queries?.learn(accounts)
  const commands = has('commands') ? await startCommands(ledger, active, onStored) : undefined
  queries = has('queries') ? await startQueryRole(ledger, active) : undefined
  const operations = has('operations') ? startOperationsRole(ledger) : undefined
  const byRole = {
    queries: queries?.endpoints ?? [],
    commands: commands?.endpoints ?? [],
    operations: operations?.endpoints ?? [],
  }
  const endpoints = guarded(limitedTo(Object.values(byRole).flat(), config.endpoints), () =>
    standing?.reason(),
  )
  await commands?.router.start()
  const service = endpoints.length === 0 ? undefined : await startEndpoints(ledger, endpoints)
  const endInFlight = service && logInFlight(service, log)
  for (const [role, own] of Object.entries(byRole)) {
    const subjects = own.filter(({ name }) => endpoints.some(served => served.name === name))
    if (subjects.length > 0)
      log.info({ subjects: subjects.map(({ subject }) => subject) }, `${role}: answering`)
  }
  const unwatch = service === undefined ? undefined : watchService(service)
  health.report(START, 'ok')
  onService(service)
  return {
    stop: async () => {
      onService(undefined)
      endInFlight?.()
      commands?.router.leave()
      await service?.stop()
      unwatch?.()
      await queries?.stop()
      await operations?.stop()
      await commands?.stop()
      await projections?.stop()
      active.stop()
    },
  }
}
