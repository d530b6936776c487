/**
 * How soon a nats-server misses a client or another server that is frozen or behind a cut, as lines of its configuration.
 *
 * By its own defaults a server gives a frozen instance its half of the requests for up to 6 minutes, and believes a route
 * behind a cut for up to 90 s: `ping_interval` (2 min; 30 s for routes) passes `ping_max` + 1 times. docs/nats-settings.md
 * says what a deployment needs; compose.yaml states the same lines (test/compose.int.spec.ts compares them).
 */

/** A client that is silent for so long is sent a ping; the server ends it after `ping_max` of them without an answer. */
export const CLIENT_PING_INTERVAL_MS = 5_000

/** For the top level of the configuration. */
export const CLIENT_PINGS = `ping_interval: "${CLIENT_PING_INTERVAL_MS / 1_000}s"
ping_max: 2
write_deadline: "5s"`

/** For the section `cluster`. */
export const ROUTE_PINGS = `ping_interval: "2s"
  ping_max: 2`
