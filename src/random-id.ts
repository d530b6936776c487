/**
 * Makes ids that callers and other clients see: the id of a service instance, the id of a batch.
 *
 * The ids of the NATS client (`nuid`) share their beginning and count upwards, and its inboxes are made of them. To show
 * one would reveal the subjects on which this process waits for replies, and another client could then forge a reply.
 */

import { randomBytes } from 'node:crypto'

/** 16 bytes become 22 characters, the length of a nuid. */
const BYTES = 16

/** Makes a new id. It is a valid subject token, and other ids cannot be guessed from it. */
export const randomId = (): string => randomBytes(BYTES).toString('base64url')
