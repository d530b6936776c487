/** The last argument of a load client that runs without the NATS client's stack traces. */

export const LEAN = 'lean'
