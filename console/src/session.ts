/**
 * The token of this browser tab. It is kept in the tab's own storage, goes to this gateway only, and is gone when the tab is
 * closed.
 */

const KEY = 'jetledger-token'

export const readToken = (): string => sessionStorage.getItem(KEY) ?? ''

export const keepToken = (token: string): void => {
  if (token === '') sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
}

export const authorization = (): Record<string, string> => {
  const token = readToken()
  return token === '' ? {} : { authorization: `Bearer ${token}` }
}
