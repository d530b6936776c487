/**
 * Opens the texts of events for an answer.
 */

import { type ClientId, isClientId } from '../ledger/client-id.js'
import { openTexts } from './cipher.js'
import { type Sealed, sealedIn, type Texts } from './form.js'
import { personOf } from './key-records.js'
import { createPersonKeys, type PersonKeysDeps } from './person-keys.js'

/** `erased`: they were sealed under a key that is there no more. */
export type OpenedTexts = Texts & { readonly erased?: true }

/**
 * The texts of an event as they were written. Clear ones are as they are; so are sealed ones while their keys cannot be read
 * or after they were lost, and what only looks like sealed texts. Never rejects.
 */
export type OpenTexts = (texts: Texts) => OpenedTexts | Promise<OpenedTexts>

/** The persons whose keys have sealed the texts; undefined for names that no key has. */
const personsOf = ({ keys }: Sealed): readonly ClientId[] | undefined => {
  const persons = keys.map(personOf)
  return persons.every(isClientId) ? persons : undefined
}

/** Opens texts with the keys in the bucket. */
export const createOpenTexts = (deps: PersonKeysDeps): OpenTexts => {
  const keys = createPersonKeys(deps)
  const open = async (texts: Texts, sealed: Sealed, persons: readonly ClientId[]): Promise<OpenedTexts> => {
    try {
      const found = await Promise.all(persons.map(keys.find))
      // a key that was made after an erasure has another name
      const own = found.filter((key, i) => key?.name === sealed.keys[i]).filter(key => key !== undefined)
      if (own.length === persons.length) return openTexts(sealed, own) ?? texts
      const missing = persons.filter((_, i) => found[i]?.name !== sealed.keys[i])
      // a bucket that was lost must not look like an erasure
      const were_erased = await Promise.all(missing.map(keys.wasErased))
      return were_erased.some(was_erased => was_erased) ? { erased: true } : texts
    } catch (err) {
      deps.log.warn({ err }, 'sealed texts stay sealed: the keys of their persons cannot be read')
      return texts
    }
  }

  return texts => {
    const sealed = texts.reference === undefined ? sealedIn(texts.metadata) : undefined
    const persons = sealed && personsOf(sealed)
    return sealed === undefined || persons === undefined ? texts : open(texts, sealed, persons)
  }
}
