/** What a load client is told, as its last argument, when it is not to be a client with the library's defaults. */

export const LEAN = 'lean'
