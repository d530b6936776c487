/**
 * How many events the next run may have, so that a run takes a bounded time however slow the table is. Pure.
 *
 * Long runs save writes, because each changed customer is written once per run. But nothing is acknowledged before the end of
 * a run: after the consumer's acknowledgement wait the server delivers its events again, and whoever slows commands to what
 * the projection takes (docs/adr/0034) sees no progress until then.
 */

/**
 * A run shall take no longer than this: a quarter of the consumer's acknowledgement wait, since an event may wait for the run
 * before its own.
 */
export const RUN_MS_MAX = 1_250
/** A run has at least so many events, so that a very slow table is not written event by event. */
export const RUN_EVENTS_MIN = 50

/** The most events of the next run, after one of up to `most` events that had `events` and took `took_ms`. */
export const nextRunLength = (
  most: number,
  { events, took_ms }: { readonly events: number; readonly took_ms: number },
  events_max: number,
): number => {
  if (took_ms > RUN_MS_MAX) return Math.max(RUN_EVENTS_MIN, Math.floor((events * RUN_MS_MAX) / took_ms))
  // a run that had room, or only just ended in time, does not show that a longer one would
  const could_be_longer = events >= most && took_ms <= RUN_MS_MAX / 2
  return could_be_longer ? Math.min(events_max, most * 2) : most
}
