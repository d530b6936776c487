/**
 * The error of a replay that cannot be done as things are. Its message tells a person what stands in the way. Any other
 * exception of a replay is `Failed` or a bug.
 */
export class ReplayError extends Error {
  override readonly name: string = 'ReplayError'
}
