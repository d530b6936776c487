/** Runs the script of the API's page without a browser, on a fake document that has only what the script uses. */

type Child = Element | string
type PageEvent = { readonly preventDefault: () => void }

export class Element {
  readonly tag: string
  children: Child[] = []
  hidden = false
  value = ''
  className = ''
  id = ''
  #listeners = new Map<string, (event: PageEvent) => Promise<void> | void>()

  constructor(tag: string) {
    this.tag = tag
  }
  append(...children: Child[]): void {
    this.children.push(...children)
  }
  replaceChildren(...children: Child[]): void {
    this.children = children
  }
  addEventListener(type: string, listener: (event: PageEvent) => Promise<void> | void): void {
    this.#listeners.set(type, listener)
  }
  /** Submits a form, as its button and Enter in a field do, and waits until its listener ends. */
  async submit(): Promise<void> {
    await this.#listeners.get('submit')?.({ preventDefault: () => undefined })
  }
  get textContent(): string {
    return this.children.map(child => (typeof child === 'string' ? child : child.textContent)).join('')
  }
  set textContent(text: string) {
    this.children = [text]
  }
  /** All descendants for which `passes` is true. */
  all(passes: (element: Element) => boolean): Element[] {
    return this.children.flatMap(child =>
      typeof child === 'string' ? [] : [...(passes(child) ? [child] : []), ...child.all(passes)],
    )
  }
}

type Run = (document: object, location: object, fetch: unknown) => Promise<void>
const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => Run

/** Opens the page of the gateway at `url` and runs its script. Returns a function that finds an element by its id. */
export const openPage = async (url: string): Promise<(id: string) => Element> => {
  const text = async (path: string): Promise<string> => (await fetch(url + path)).text()
  const ids = [...(await text('/docs')).matchAll(/ id="([^"]+)"/g)].map(([, id = '']) => id)
  const byId = new Map(ids.map(id => [id, new Element(id)]))
  const document = {
    createElement: (tag: string) => new Element(tag),
    getElementById: (id: string) => byId.get(id) ?? null,
  }
  const load = (path: string | URL, init?: RequestInit) => fetch(new URL(path, url), init)
  const script = new AsyncFunction('document', 'location', 'fetch', await text('/docs/page.js'))
  await script(document, { origin: url, hash: '' }, load)
  return id => {
    const element = byId.get(id)
    if (element === undefined) throw new Error(`the page has no ${id}`)
    return element
  }
}
