/** The place in the console, kept in the address after `#`, so that each page has an address and the way back works. */

import { useSyncExternalStore } from 'react'

export type Place = { readonly page: string; readonly id: string | undefined }

const subscribe = (onChange: () => void): (() => void) => {
  addEventListener('hashchange', onChange)
  return () => removeEventListener('hashchange', onChange)
}

const placeIn = (hash: string): Place => {
  const [, page = '', id = ''] = /^#\/([a-z]*)(?:\/(.*))?$/.exec(hash) ?? []
  return { page: page === '' ? 'overview' : page, id: id === '' ? undefined : decodeURIComponent(id) }
}

export const usePlace = (): Place => placeIn(useSyncExternalStore(subscribe, () => location.hash))

export const linkTo = (page: string, id?: string): string =>
  id === undefined ? `#/${page}` : `#/${page}/${encodeURIComponent(id)}`

export const goTo = (page: string, id?: string): void => {
  location.hash = linkTo(page, id)
}
