/** The options of `checkRun` in `index.ts`, which judges a run. */

export type CheckOptions = {
  /** The directory that holds the history. */
  readonly directory: string
  /** Every nats-server that has a copy of the stream, with an address that no fault cuts off. */
  readonly nodes: readonly { readonly name: string; readonly url: string }[]
  readonly dynamodb_endpoint: string
  /** The tables' base name (`DDB_TABLE`). */
  readonly ddb_table: string
  /** The time that the projection has to reach the end of the stream. */
  readonly timeout_ms: number
}
