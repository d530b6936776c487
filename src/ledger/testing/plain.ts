/** Events of an account of the default asset, for specs that are not about accounts. */

import { type Decoded, decodeEvent, decodeMovement, encodeEvent, type LedgerEvent } from '../event.js'
import { clientId } from './arbitrary.js'

const ANY = clientId('678')

export const encodePlain = (event: LedgerEvent): string => encodeEvent(event, ANY)
export const decodePlain = (body: Uint8Array): Decoded => decodeEvent(body, ANY)
export const decodePlainMovement = (body: Uint8Array): Decoded => decodeMovement(body, ANY)
