/**
 * The configuration: one codec over the environment variables. It reports all problems at once, each with the name of
 * its variable.
 *
 * An empty variable counts as not set, because shells and task definitions leave variables empty.
 */

import { AUDITED } from '../commands/endpoints/audit.js'
import { E, type Either, pipe, t } from '../fp.js'
import { describeErrors, fieldsOf } from '../ledger/codec.js'
import { isSafeUrl } from '../safe-url.js'
import type { CallerOptions } from '../service/callers.js'
import { replyPrefixProblem } from '../service/replies.js'
import type { SettingsOptions } from '../stream/settings.js'
import { type NatsAccess, readAccess } from './nats-access.js'
import { type Addresses, DEFAULT_URL, readAddresses } from './nats-address.js'
import { withoutMark } from './text-file.js'
import { misspeltVariables } from './variables.js'

export const ROLES = ['commands', 'projections', 'queries', 'gateway', 'operations'] as const
export type Role = (typeof ROLES)[number]

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const REPLY_PREFIXES_MAX = 20

/**
 * A codec from the text of an environment variable. `missing` is the default; it is undefined for an optional
 * variable.
 */
const variable = <A>(rule: string, missing: A, parse: (text: string) => A | undefined) =>
  new t.Type<A, unknown, unknown>(
    rule,
    (_u): _u is A => true,
    (u, context) => {
      if (u === undefined || u === '') return t.success(missing)
      const parsed = typeof u === 'string' ? parse(u) : undefined
      return parsed === undefined ? t.failure(u, context, `must be ${rule}`) : t.success(parsed)
    },
    String,
  )

const text = <A extends string | undefined>(missing: A) => variable<string | A>('text', missing, s => s)

const whole = <A extends number | undefined>(min: number, max: number, missing: A) =>
  variable<number | A>(`a whole number from ${min} to ${max}`, missing, s => {
    const n = Number(s)
    return /^\d+$/.test(s) && n >= min && n <= max ? n : undefined
  })

const oneOf = <A extends string>(names: readonly A[], missing: A) =>
  variable<A>(`one of ${names.join(', ')}`, missing, s => names.find(name => name === s))

const yesOrNo = variable<boolean>('true or false', false, s =>
  s === 'true' || s === 'false' ? s === 'true' : undefined,
)

const url = <A extends string | undefined>(protocols: readonly string[], missing: A) =>
  variable<string | A>(`a URL that begins with ${protocols.join(' or ')}`, missing, s =>
    s.split(',').every(part => protocols.some(p => part.trim().startsWith(p) && URL.canParse(part.trim())))
      ? s
      : undefined,
  )

const addresses = new t.Type<Addresses, unknown, unknown>(
  'addresses of NATS',
  (_u): _u is Addresses => true,
  (u, context) =>
    pipe(
      readAddresses(typeof u === 'string' && u !== '' ? u : DEFAULT_URL),
      E.fold(
        problem => t.failure(u, context, problem),
        read => t.success(read),
      ),
    ),
  String,
)

const someOf = <A extends string>(known: readonly A[]) =>
  variable<readonly A[]>(`a list of ${known.join(', ')}`, known, s => {
    const names = s.split(',').map(name => known.find(one => one === name.trim()))
    return names.every(name => name !== undefined) ? names : undefined
  })

const origins = variable<readonly string[]>('a list of origins such as https://a.example', [], s => {
  const list = s.split(',').map(origin => origin.trim())
  return list.every(origin => URL.canParse(origin) && new URL(origin).origin === origin) ? list : undefined
})

const issuer = variable<string | undefined>(
  'the URL of an issuer of tokens, with https (http for this machine only)',
  undefined,
  s => (isSafeUrl(s) && new URL(s).search === '' && new URL(s).hash === '' ? s : undefined),
)

const inboxPrefix = variable<string | undefined>(
  'a prefix of inboxes such as _INBOX.shop, which covers neither customer. nor a subject that begins with $',
  undefined,
  s => {
    const prefix = s.replace(/\.(>|\*)?$/, '')
    return replyPrefixProblem(prefix) === undefined ? prefix : undefined
  },
)

/** The prefixes have commas between them, and each may end with a dot. */
const replyPrefixes = variable<readonly string[]>(
  'a list of prefixes of inboxes such as _INBOX_acme, none of which covers customer. or a subject that begins with $',
  [],
  s => {
    const list = s.split(',').map(prefix => prefix.trim().replace(/\.$/, ''))
    return list.length <= REPLY_PREFIXES_MAX && list.every(one => replyPrefixProblem(one) === undefined)
      ? list
      : undefined
  },
)

const bucket = variable<string | undefined>('the name of a bucket', undefined, s =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(s) ? s : undefined,
)

const credentials = variable<string | undefined>('a .creds file in base64', undefined, s => {
  const decoded = withoutMark(Buffer.from(s, 'base64').toString('utf8'))
  return decoded.includes('BEGIN NATS USER JWT') ? decoded : undefined
})

/** Access to NATS (`nats-access.ts`). Where the stock `nats` command has a name of its own, that name is taken, too. */
const ACCESS = {
  /** One URL, or several with commas between them. */
  NATS_URL: addresses,
  NATS_CREDENTIALS: credentials,
  /** The path of a .creds file. */
  NATS_CREDS_FILE: text(undefined),
  NATS_CREDS: text(undefined),
  /** The path of a file with the seed of a user's nkey. */
  NATS_NKEY: text(undefined),
  NATS_USER: text(undefined),
  NATS_PASSWORD: text(undefined),
  NATS_TOKEN: text(undefined),
  /** The path of the CA's certificate (PEM), for a NATS whose certificate comes from a CA of your own. */
  NATS_TLS_CA: text(undefined),
  NATS_CA: text(undefined),
  /** The paths of a certificate and its key (PEM) for a NATS that wants to see a certificate of its clients. */
  NATS_TLS_CERT: text(undefined),
  NATS_CERT: text(undefined),
  NATS_TLS_KEY: text(undefined),
  NATS_KEY: text(undefined),
  /** Begins with TLS before the server's first line, for servers with `handshake_first: true`. */
  NATS_TLS_FIRST: yesOrNo,
}

/** The variables about access to NATS. */
export const ACCESS_VARIABLES: readonly string[] = Object.keys(ACCESS)

/** Those of them that are a login, or a part of one. */
export const LOGIN_VARIABLES = [
  'NATS_CREDENTIALS',
  'NATS_CREDS_FILE',
  'NATS_CREDS',
  'NATS_NKEY',
  'NATS_USER',
  'NATS_PASSWORD',
  'NATS_TOKEN',
] as const satisfies readonly (keyof typeof ACCESS)[]

const VARIABLES = {
  ...ACCESS,
  /** The prefix of this client's inboxes, for a NATS user who may subscribe to no others. Not set: `_INBOX`. */
  NATS_INBOX_PREFIX: inboxPrefix,
  DDB_TABLE: text('customer-balances'),
  /**
   * Which events have rows in a table that is begun: every one, or savepoints only (docs/adr/0062). A table that is there goes
   * on as it was begun.
   */
  JETLEDGER_JOURNAL: oneOf(['every-event', 'savepoints'], 'every-event'),
  AWS_REGION: text(undefined),
  AWS_ENDPOINT_URL_DYNAMODB: url(['http://', 'https://'], undefined),
  JETLEDGER_ROLES: someOf(ROLES),
  /** The path of a JSON file that names the endpoints that this process serves (`roles-file.ts`). */
  JETLEDGER_ROLES_FILE: text(undefined),
  /**
   * The number of stream replicas. Not set: a service wants 3; a subcommand takes the number of the existing stream.
   */
  JETLEDGER_REPLICAS: whole(1, 5, undefined),
  JETLEDGER_MAX_IN_FLIGHT: whole(1, 100_000, 4_096),
  /** The number of customers that the queries keep in memory; 0: none. */
  JETLEDGER_HOT_CUSTOMERS: whole(0, 10_000_000, 100_000),
  /** The number of commands that may wait for their batch; further commands are answered `BUSY`. */
  JETLEDGER_COMMAND_QUEUE: whole(1, 100_000, 10_000),
  /**
   * The seconds that projections may be behind the stream; when they fall further behind, a share of the commands is
   * answered `BUSY`; 0: commands are never slowed.
   */
  JETLEDGER_LAG_MAX_S: whole(0, 3_600, 30),
  /** Prefixes of inboxes that the service answers beside `_INBOX.`: clients and other accounts may use their own. */
  JETLEDGER_REPLY_PREFIXES: replyPrefixes,
  /**
   * Who vouches for the callers of writes: the gateway, whose header then counts on every request, or nats-server, for
   * requests from other accounts. `none`: no caller is known.
   */
  JETLEDGER_CALLERS: oneOf(['none', 'gateway', 'request-info'], 'none'),
  /** The account of the gateway's NATS user, where `request-info` vouches and the gateway has an account of its own. */
  JETLEDGER_GATEWAY_ACCOUNT: text(undefined),
  /** The writes that have a line in the log: those of known callers, all, or none. */
  JETLEDGER_AUDIT: oneOf(AUDITED, 'callers'),
  /** Whether `reference` and `metadata` of what is written are sealed under keys of the persons (docs/privacy.md). */
  JETLEDGER_TEXTS: oneOf(['clear', 'sealed'], 'clear'),
  /** The size limit of the ledger stream; a full stream refuses new events. Not set: no limit. */
  JETLEDGER_STREAM_BYTES_MAX: whole(1, Number.MAX_SAFE_INTEGER, undefined),
  /**
   * The size limit of the stream of dead letters. Not set: a tenth of the ledger stream's limit, at least 16 MiB; no
   * limit when the ledger stream has none.
   */
  JETLEDGER_DEAD_LETTER_BYTES_MAX: whole(1, Number.MAX_SAFE_INTEGER, undefined),
  /**
   * The path of a file with the seed of an nkey, with which the role `projections` signs heads of the ledger. Not set: no
   * heads are signed.
   */
  JETLEDGER_HEAD_SEED_FILE: text(undefined),
  /** The bucket with Object Lock in which heads are kept, and for how long nobody can delete one. Not set: only in NATS. */
  JETLEDGER_HEAD_BUCKET: bucket,
  JETLEDGER_HEAD_LOCK_DAYS: whole(1, 36_500, 3_650),
  /** The address of a store with the interface of S3 other than AWS's own, for the bucket of heads. */
  AWS_ENDPOINT_URL_S3: url(['http://', 'https://'], undefined),
  HTTP_PORT: whole(0, 65_535, 8_080),
  /**
   * The path of the file with the tokens that callers of the gateway need. Without it and without an issuer the gateway
   * listens on the loopback interface only.
   */
  HTTP_TOKENS_FILE: text(undefined),
  /** The issuer whose tokens (JWTs) callers may use, and the audience that these tokens are made for. */
  HTTP_JWT_ISSUER: issuer,
  HTTP_JWT_AUDIENCE: text(undefined),
  /** The number of balancers before the gateway, each of which adds the client's address to `X-Forwarded-For`. */
  HTTP_TRUST_PROXY: whole(0, 10, 0),
  /** The paths of a certificate and its key (PEM). With them the gateway speaks HTTPS. */
  HTTP_TLS_CERT: text(undefined),
  HTTP_TLS_KEY: text(undefined),
  /** The origins whose web pages may call the gateway. */
  HTTP_CORS_ORIGINS: origins,
  /** The number of requests that one token, or one address, may send in a second; 0: no limit. */
  HTTP_RATE_LIMIT: whole(0, 1_000_000, 1_000),
  LOG_LEVEL: oneOf(LOG_LEVELS, 'info'),
}

const Environment = fieldsOf(VARIABLES)

/** The endpoints that a process serves, each with its limit of requests in flight; undefined when none is given. */
export type EndpointLimits = ReadonlyMap<string, number | undefined>

type Decoded = t.TypeOf<typeof Environment>

/** The configuration holds no secret as text, so that whoever prints it shows none. */
export type Config = Omit<Decoded, keyof typeof ACCESS> & {
  readonly nats: NatsAccess
  /** The endpoints from the roles file; undefined: all endpoints of the roles. */
  readonly endpoints?: EndpointLimits
}

const withAccess = (decoded: Decoded): Either<string, Config> => {
  const others = Object.entries(decoded).filter(([name]) => !(name in ACCESS))
  return pipe(
    readAccess(decoded),
    E.map(nats => ({ ...(Object.fromEntries(others) as Omit<Decoded, keyof typeof ACCESS>), nats })),
  )
}

const bothOfTls = (config: Config): Either<string, Config> =>
  (config.HTTP_TLS_CERT === undefined) !== (config.HTTP_TLS_KEY === undefined)
    ? E.left('HTTP_TLS_CERT, HTTP_TLS_KEY: both of them must be set, or none')
    : E.right(config)

const bothOfIssuer = (config: Config): Either<string, Config> =>
  (config.HTTP_JWT_ISSUER === undefined) !== (config.HTTP_JWT_AUDIENCE === undefined)
    ? E.left('HTTP_JWT_ISSUER, HTTP_JWT_AUDIENCE: both of them must be set, or none')
    : E.right(config)

const bucketOfHeads = (config: Config): Either<string, Config> =>
  config.JETLEDGER_HEAD_BUCKET !== undefined &&
  (config.JETLEDGER_HEAD_SEED_FILE === undefined || config.AWS_REGION === undefined)
    ? E.left('JETLEDGER_HEAD_BUCKET: it counts only with JETLEDGER_HEAD_SEED_FILE and AWS_REGION')
    : E.right(config)

const accountOfGateway = (config: Config): Either<string, Config> =>
  config.JETLEDGER_GATEWAY_ACCOUNT !== undefined && config.JETLEDGER_CALLERS !== 'request-info'
    ? E.left('JETLEDGER_GATEWAY_ACCOUNT: it counts only with JETLEDGER_CALLERS=request-info')
    : E.right(config)

/** All variables that the program reads. The last ones are read elsewhere, when a subcommand looks for a ledger or tells of itself. */
const OWN_VARIABLES = [
  ...Object.keys(VARIABLES),
  'JETLEDGER_DATA_DIR',
  'JETLEDGER_USER',
  'JETLEDGER_CONTEXT',
  'JETLEDGER_COMMIT',
]

type Variables = Readonly<Record<string, string | undefined>>

/** Decodes the variables; left is one sentence with every wrong value and every misspelt name. */
const decodeVariables = (env: Variables): Either<string, Decoded> => {
  const decoded = Environment.decode(env)
  const misspelt = misspeltVariables(env, OWN_VARIABLES)
  if (E.isRight(decoded) && misspelt.length === 0) return decoded
  const wrong = E.isLeft(decoded) ? [describeErrors(decoded.left)] : []
  return E.left([...wrong, ...misspelt].join('; '))
}

/** The configuration in `env`; left is one sentence that names every wrong variable and never contains a secret. */
export const decodeConfig = (env: Variables): Either<string, Config> =>
  pipe(
    decodeVariables(env),
    E.chain(withAccess),
    E.chain(bothOfTls),
    E.chain(bothOfIssuer),
    E.chain(accountOfGateway),
    E.chain(bucketOfHeads),
  )

/** How the callers of writes are known; undefined when no caller is. */
export const callersOf = ({
  JETLEDGER_CALLERS,
  JETLEDGER_GATEWAY_ACCOUNT,
}: Config): CallerOptions | undefined => {
  if (JETLEDGER_CALLERS === 'none') return undefined
  return JETLEDGER_CALLERS === 'gateway'
    ? { vouched_by: 'gateway' }
    : { vouched_by: 'request-info', gateway_account: JETLEDGER_GATEWAY_ACCOUNT }
}

const REPLICAS = 3

/** The options on which the settings of the streams depend. */
export const settingsOf = ({
  JETLEDGER_REPLICAS,
  JETLEDGER_STREAM_BYTES_MAX,
  JETLEDGER_DEAD_LETTER_BYTES_MAX,
  JETLEDGER_HEAD_SEED_FILE,
  JETLEDGER_TEXTS,
}: Config): SettingsOptions => ({
  replicas: JETLEDGER_REPLICAS ?? REPLICAS,
  has_heads: JETLEDGER_HEAD_SEED_FILE !== undefined,
  has_person_keys: JETLEDGER_TEXTS === 'sealed',
  ...(JETLEDGER_DEAD_LETTER_BYTES_MAX === undefined
    ? {}
    : { dead_letter_bytes_max: JETLEDGER_DEAD_LETTER_BYTES_MAX }),
  ...(JETLEDGER_STREAM_BYTES_MAX === undefined ? {} : { bytes_max: JETLEDGER_STREAM_BYTES_MAX }),
})
