/** What a load client is told, as its second argument, when it is not to be a client with the library's defaults. */

export const LEAN = 'lean'
