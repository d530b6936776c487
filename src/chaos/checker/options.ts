/** What the checker is told about a run: `checkRun(options: CheckOptions): Promise<Report>` of `index.ts` judges it. */

export type CheckOptions = {
  /** Where the history is. */
  readonly directory: string
  /** Each nats-server that has a copy of the stream, by a way that nothing cuts. */
  readonly nodes: readonly { readonly name: string; readonly url: string }[]
  readonly dynamodb_endpoint: string
  /** The tables' base name (`DDB_TABLE`). */
  readonly ddb_table: string
  /** How long the projections may take to come to the end of the stream. */
  readonly timeout_ms: number
}
