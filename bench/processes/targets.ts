/** The servers that a load client works with, as bench/main.ts tells it in its first argument. */

export type Targets = {
  /** Undefined where no nats-server is measured. */
  readonly nats_url?: string
  /** True for a NATS client with `noAsyncTraces`. */
  readonly lean: boolean
  readonly dynamodb_endpoint?: string
  /** The number of customers among whom the client chooses; 10,000 if it is left out. */
  readonly customers?: number
  /** The HTTP servers, such as `http://127.0.0.1:8080`; connections are spread over them. */
  readonly http_urls?: readonly string[]
  /** The folder of PostgreSQL's socket. */
  readonly postgres_socket?: string
}
