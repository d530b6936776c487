/**
 * Who may import whom. `npm run lint` holds the code to it; CONTRIBUTING.md says it in words.
 *
 * Imports point downwards: the command line composes the slices (commands, projections, queries), a slice uses adapters
 * (stream, tables, service), and all of them use the pure ledger. No slice imports another one.
 */

const ADAPTERS = ['stream', 'tables', 'service']
/**
 * Rooms between the adapters and the slices: which table is the active one, dead letters, which stores belong together, sealed
 * texts, the ids of all events.
 */
const SHARED = ['generations', 'dead-letters', 'belonging', 'sealing', 'known-ids']
const SLICES = ['commands', 'projections', 'queries']

/** The folders that each folder of src may import, besides itself and the files directly in src. */
const MAY_IMPORT = {
  ledger: [],
  stream: ['ledger'],
  tables: ['ledger'],
  service: ['ledger'],
  generations: ['ledger', 'stream'],
  'dead-letters': ['ledger', 'stream'],
  chain: ['ledger', 'stream'],
  belonging: ['ledger', 'stream', 'generations'],
  'known-ids': ['ledger', 'stream'],
  // texts of persons under keys that can be erased
  sealing: ['ledger', 'stream'],
  commands: ['ledger', ...ADAPTERS, ...SHARED],
  projections: ['ledger', ...ADAPTERS, ...SHARED],
  queries: ['ledger', ...ADAPTERS, ...SHARED],
  // a second opinion on what the ledger and the slices do: it shares none of their code
  verify: ['stream', 'tables', 'generations', 'dead-letters'],
  // the ledger's events as rows, for other programs
  export: ['ledger', 'stream'],
  // the paper that a customer is sent: the same from the command line and from the gateway
  statement: [],
  // files in a store of objects (S3), for imports and exports
  objects: [],
  gateway: ['ledger', 'service', 'statement'],
  // what an operator does with the command line, for callers of the service
  operations: ['ledger', ...ADAPTERS, ...SHARED, 'projections'],
  // what each user of NATS may do: names and subjects of the rooms that use them, and no code that runs
  permissions: ['stream', 'service', 'commands'],
  // makes accounts and users with those rights, on servers of one's own or at a provider
  'control-plane': ['ledger', 'stream', 'chain', 'service', 'permissions'],
  embedded: [],
  // it judges nats-server alone, without any of the ledger
  'check-server': ['embedded'],
  // it looks at the ledger from outside, as its users do
  chaos: ['embedded'],
  // the process that serves: configuration, connections, roles, health
  process: ['ledger', ...ADAPTERS, ...SHARED, ...SLICES, 'chain', 'gateway', 'operations', 'embedded'],
  // one file per subcommand
  cli: [
    'ledger',
    ...ADAPTERS,
    ...SHARED,
    ...SLICES,
    'chain',
    'verify',
    'export',
    'statement',
    'objects',
    'gateway',
    'operations',
    'permissions',
    'control-plane',
    'embedded',
    'chaos',
    'process',
  ],
}

/** The files directly in src: every folder may import them, and they import no folder. */
const BASE_FILES = [
  'back-off',
  'connection',
  'csv-write',
  'fp',
  'gather',
  'headers',
  'health',
  'digest',
  'instant',
  'json',
  'log-limit',
  'lru',
  'metrics',
  'own-fault',
  'page',
  'parallel',
  'random',
  'random-id',
  'safe-url',
  'stack',
  'uuid',
  'wire',
]
/** Folders that take these files of src and no other: the core stays pure, and the servers are a part by themselves. */
const PURE_ONLY = ['ledger', 'embedded']
const PURE_FILES = ['fp', 'json', 'instant', 'digest']

/** A package that src/process/log.ts uses where it is installed. */
const MAY_BE_MISSING = 'pino-pretty'
const TEST_CODE = '\\.spec\\.ts$|^test/|/testing/'
const anyOf = names => names.join('|')

const directions = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `${folder}-imports-downwards`,
  severity: 'error',
  comment: `src/${folder} may import itself${allowed.map(name => `, src/${name}`).join('')} and files directly in src`,
  from: { path: `^src/${folder}/`, pathNot: TEST_CODE },
  to: { path: '^src/[^/]+/', pathNot: `^src/(${anyOf([folder, ...allowed])})/` },
}))

const forbidden = [
  ...directions,
  {
    name: 'base-imports-no-folder',
    severity: 'error',
    comment: 'files directly in src are at the bottom',
    from: { path: '^src/[^/]+\\.ts$', pathNot: TEST_CODE },
    to: { path: '^src/[^/]+/' },
  },
  {
    name: 'known-place',
    severity: 'error',
    comment: 'a new folder or base file of src: decide here where it stands',
    from: {},
    to: {
      path: '^src/',
      pathNot: [
        ...Object.keys(MAY_IMPORT).map(name => `^src/${name}/`),
        ...BASE_FILES.map(name => `^src/${name}[.]ts$`),
        TEST_CODE,
      ],
    },
  },
  {
    name: 'pure-base-only',
    severity: 'error',
    comment: `src/ledger and src/embedded take ${PURE_FILES.join(', ')} from src and nothing else`,
    from: { path: `^src/(${anyOf(PURE_ONLY)})/`, pathNot: TEST_CODE },
    to: { path: '^src/[^/]+\\.ts$', pathNot: `^src/(${anyOf(PURE_FILES)})\\.ts$` },
  },
  {
    name: 'pure-ledger',
    severity: 'error',
    comment: 'src/ledger is pure: it uses no package and no module of Node',
    from: { path: '^src/ledger/', pathNot: TEST_CODE },
    to: { dependencyTypes: ['npm', 'npm-dev', 'core'] },
  },
  {
    name: 'checker-shares-nothing',
    severity: 'error',
    comment: 'the checker of chaos runs is an outside opinion: it shares no code with what it judges',
    from: { path: '^src/chaos/checker/', pathNot: TEST_CODE },
    to: { path: '^src/', pathNot: '^src/chaos/(checker/|history\\.ts$)' },
  },
  {
    name: 'checker-packages',
    severity: 'error',
    comment: 'the checker uses the clients of NATS and DynamoDB, and modules of Node',
    from: { path: '^src/chaos/checker/', pathNot: TEST_CODE },
    to: { dependencyTypes: ['npm', 'npm-dev'], pathNot: 'node_modules/(nats|@aws-sdk|@nats-io)/' },
  },
  {
    name: 'nothing-imports-cli',
    severity: 'error',
    comment: 'the command line is the top',
    from: { pathNot: `${TEST_CODE}|^src/cli/` },
    to: { path: '^src/cli/' },
  },
  {
    name: 'test-code-in-tests-only',
    severity: 'error',
    comment: 'the product imports no test code; a benchmark may use the helpers that start servers',
    from: { path: '^(src|infra)/', pathNot: TEST_CODE },
    to: { path: TEST_CODE },
  },
  {
    name: 'bench-uses-support-only',
    severity: 'error',
    from: { path: '^bench/', pathNot: TEST_CODE },
    to: { path: TEST_CODE, pathNot: '^test/support/|^bench/' },
  },
  {
    name: 'one-door-to-fp',
    severity: 'error',
    comment: 'only src/fp.ts imports fp-ts and io-ts (it says why)',
    from: { pathNot: '^src/fp\\.ts$' },
    to: { path: 'node_modules/(fp-ts|io-ts)/' },
  },
  {
    name: 'declared-packages',
    severity: 'error',
    comment: `the product imports what is in dependencies, and Node by its node: names; ${MAY_BE_MISSING} is only for developers`,
    from: { path: '^src/', pathNot: TEST_CODE },
    to: {
      dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-optional', 'npm-peer', 'unknown'],
      pathNot: `node_modules/${MAY_BE_MISSING}/`,
    },
  },
  {
    name: 'no-circle',
    severity: 'error',
    comment: 'a circle has no bottom to begin reading at',
    from: {},
    to: { circular: true },
  },
  {
    name: 'resolvable',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
]

export default {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(bench|infra)/dist/' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
