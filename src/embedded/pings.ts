/**
 * Lines of the nats-server configuration that decide how soon it notices a client or another server that is frozen or
 * cut off.
 *
 * With its own defaults a server goes on sending a frozen instance its share of the requests for up to 6 minutes, and
 * keeps a route that is cut for up to 90 s: `ping_interval` (2 min; 30 s for routes) passes `ping_max` + 1 times.
 * docs/nats-settings.md says what a deployment needs; compose.yaml states the same lines (test/compose.int.spec.ts
 * compares them).
 */

/**
 * The server pings a client that is silent for this time, and ends the connection after `ping_max` unanswered pings.
 */
export const CLIENT_PING_INTERVAL_MS = 5_000

/** Lines for the top level of the configuration. */
export const CLIENT_PINGS = `ping_interval: "${CLIENT_PING_INTERVAL_MS / 1_000}s"
ping_max: 2
write_deadline: "5s"`

/** Lines for the section `cluster`. */
export const ROUTE_PINGS = `ping_interval: "2s"
  ping_max: 2`
