/**
 * Ids that others see: of an instance of the service, of a batch.
 *
 * The client's own ids (`nuid`) share their beginning and count on from each other, and its inboxes are made of them. One that is
 * shown would tell where this process waits for its answers, and who knows that can have one sent there.
 */

import { randomBytes } from 'node:crypto'

/** As long as a nuid. */
const BYTES = 16

/** A new id, from which no other one can be guessed; a token of a subject. */
export const randomId = (): string => randomBytes(BYTES).toString('base64url')
