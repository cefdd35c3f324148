// @ts-check
/**
 * What this browser keeps of one person's feedback on one product, separate from everybody else's.
 *
 * A person whose address the page gives owns what is in `localStorage` under a hash of product
 * and address. A person without one owns what is in this tab's `sessionStorage`. If the browser blocks
 * storage, or has no Web Crypto because the page did not use https, it is kept as long as the page. New data
 * must use the same key: `feedback:PRODUCT:OWNER:WHAT`.
 */

const DAYS = 30, MINUTES = 30
const MOST = 5 // drafts of one person
const MOST_FORMS = 50 // in a page
const DRAFT = 'draft', OWN = 'own', FILES = 'files'
/** The key of the remembered e-mail address, which is the same for all products. */
export const ADDRESS = 'feedback-email'

const CHANNEL = 'feedback-sent'

/** @typedef {{text: string, thumb: string, chips: string[]}} Said */
/** @typedef {Said & {id: string, files?: string, token?: string, at: number}} Draft with the name of its files in `draft-files.js`,
 * and the form token that it was last sent with, if it was */
/** @typedef {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} Place */

/** What is kept as long as this page. @type {Map<string, string>} */
const here = new Map()

/** @type {Place} */
const HERE = {
  getItem: key => here.get(key) ?? null,
  setItem: (key, value) => void here.set(key, value),
  removeItem: key => void here.delete(key),
}

export class Kept {
  #place
  #prefix
  #tab

  /** @param {Place} [place] without one, nothing is kept @param {string} [prefix] of the owner's keys
   * @param {Place} [tab] where it is kept which draft this tab has */
  constructor(place, prefix = '', tab = place) {
    this.#place = place
    this.#prefix = prefix
    this.#tab = tab
  }

  /** The owner, as part of the keys. */
  get owner() { return this.#prefix }

  /** Whether the owner is this tab. A copy of the tab has copies of its drafts. */
  get isOfTab() { return this.#prefix.endsWith(':tab:') }

  /** The data of the owner of `address` or, without one, of this tab.
   * @param {string} product @param {string} address @param {boolean} may whether the product allows storing anything
   * @returns {Promise<Kept>} */
  static async of(product, address, may) {
    if (!may) {
      forget(product)
      return new Kept()
    }
    sweep(product)
    const {place, prefix} = await placeOf(product, address)
    return new Kept(place ?? HERE, prefix, place ? storage('sessionStorage') : HERE)
  }

  /** Whether anything can be kept. */
  get isOpen() { return this.#place !== undefined }

  /** The newest first. @returns {Draft[]} */
  get drafts() { return draftsOf(this.#read(this.#place, DRAFT)) }

  /** The draft that this form of this tab had last, or else the newest, but not that of another form in the page.
   * @returns {Draft | undefined} */
  get draft() {
    const {drafts} = this
    const own = this.#idOf(this.#own)
    return drafts.find(({id}) => id === own) ?? drafts.find(({id}) => !this.#isTaken(id))
  }

  /** Whether a draft is as it was last read or written here: no other tab has changed it. @param {Draft} draft */
  has(draft) {
    return this.drafts.some(other => content(other) === content(draft))
  }

  /** From now on, a draft is this form's in this tab. @param {Draft} draft */
  take({id}) { this.#write(this.#tab, this.#own, {id, at: Date.now()}) }

  /** Puts a draft in front, in place of the one with its name, and takes it.
   * @param {Said & Partial<Draft>} draft @returns {Draft | undefined} undefined if it could not be stored */
  keep({id = unique(), text, thumb, chips, files, token}) {
    const draft = {id, text, thumb, chips, files, token, at: Date.now()}
    if (!this.#write(this.#place, DRAFT, [draft, ...this.#others(id)].slice(0, MOST))) return
    this.take(draft)
    return draft
  }

  /** Removes a draft of this tab, unless another tab has changed it. @param {Draft} draft @returns {boolean} whether it was removed */
  drop(draft) {
    this.#write(this.#tab, this.#own)
    return this.has(draft) && this.#write(this.#place, DRAFT, this.#others(draft.id))
  }

  /** The key of that: a page may have several forms of a product. */
  get #own() { return ownOf(placed().place) }

  /** @param {string} id */
  #isTaken(id) {
    return Array.from({length: placed().all}, (_, index) => this.#idOf(ownOf(index + 1))).includes(id)
  }

  /** @param {string} own */
  #idOf(own) { return parse(this.#read(this.#tab, own)).id }

  /** @param {string} id */
  #others(id) { return this.drafts.filter(draft => draft.id !== id) }

  /** @param {Place | undefined} place @param {string} what @param {object} [value] @returns {boolean} whether it is stored */
  #write(place, what, value) {
    try {
      if (value && !(Array.isArray(value) && !value.length)) place?.setItem(this.#prefix + what, JSON.stringify(value))
      else place?.removeItem(this.#prefix + what)
      return true
    } catch {
      return false // storage is full; drafts are optional
    }
  }

  /** @param {Place | undefined} place @param {string} what */
  #read(place, what) {
    try {
      return place?.getItem(this.#prefix + what)
    } catch {
      return null
    }
  }
}

/** @param {number} place in the page; 0 if there are not several */
function ownOf(place) {
  return place ? `${place}:${OWN}` : OWN
}

/** Which of several forms in the page this is, and how many they are; else nothing. */
function placed() {
  const [place, all] = (document.documentElement.dataset.place ?? '').split('/').map(Number)
  return {place, all: Math.min(all || 0, MOST_FORMS)}
}

/** A name that nothing else has. */
export function unique() {
  return `${Date.now()}-${Math.random()}`
}

/** What is left of stored drafts. A draft without words is of no use once its files have expired.
 * @param {string | null | undefined} value @returns {Draft[]} */
function draftsOf(value) {
  return [parse(value)].flat().map(draft => draft ?? {}).filter(({id, text, thumb, files, at}) =>
    typeof id === 'string' && (string(text) || string(thumb) ? isFresh(at) : string(files) && isFresh(at, MINUTES)),
  ).map(({id, text, thumb, chips, files, token, at}) => ({
    id, text: string(text), thumb: string(thumb), chips: [chips ?? []].flat().map(string),
    files: string(files) || undefined, token: string(token) || undefined, at,
  }))
}

/** @param {Draft} draft */
function content({id, text, thumb, chips, files, token}) {
  return JSON.stringify([id, text, thumb, chips, files, token])
}

/** Where the data of the owner of `address`, or of this tab, is stored; with `lasts`, that of this browser.
 *
 * @param {string} product @param {string} address @param {boolean} [lasts]
 * @returns {Promise<{place?: Storage, prefix: string}>} no place if the browser blocks storage, or the key would reveal the address */
export async function placeOf(product, address, lasts = false) {
  const isHashed = address && globalThis.crypto?.subtle
  const owner = !address ? lasts ? 'browser' : 'tab' : isHashed ? await hash(`${product}\n${address}`) : address
  const place = address && !isHashed ? undefined : storage(address || lasts ? 'localStorage' : 'sessionStorage')
  return {place, prefix: `${prefix(product)}${owner}:`}
}

/** Clears everything that is stored here for a product, whoever owns it. @param {string} product @returns {Promise<void>} */
export async function forget(product) {
  const holdsFiles = here.size > 0 || storage('localStorage')?.getItem(`${prefix(product)}browser:${FILES}`) != null
  here.clear()
  clear(product, () => null)
  if (holdsFiles) await import('./draft-files.js').then(({sweep}) => sweep(product, true)).catch(() => undefined)
}

/** @param {{owner: string, id: string} | {owner: string, files: string, from: string} | {product: string, address: string}} news
 * which draft was sent or cleared, which files were restored and by which page, or who has signed out */
export function tellTabs(news) {
  const channel = openChannel()
  channel?.postMessage(news)
  channel?.close()
}

/** On which the tabs of this browser tell each other what was sent and who has signed out. @returns {BroadcastChannel | undefined}
 * undefined if the browser has none, or blocks it, as Firefox does where it blocks cookies */
export function openChannel() {
  try {
    return new BroadcastChannel(CHANNEL)
  } catch {
    return undefined
  }
}

/** Forgets the remembered address. */
export function forgetAddress() {
  storage('localStorage')?.removeItem(ADDRESS)
}

/** Clears what has expired, or is not ours. @param {string} product */
function sweep(product) {
  const mark = `${prefix(product)}browser:${FILES}`
  clear(product, (key, value) => {
    if (key.endsWith(':receipts')) return value
    if (key.endsWith(`:${DRAFT}`)) {
      const drafts = draftsOf(value)
      return drafts.length ? JSON.stringify(drafts) : null
    }
    if (isFresh(parse(value).at, key === mark ? MINUTES : undefined)) return value
    if (key === mark) import('./draft-files.js').then(({sweep}) => sweep(product)).catch(() => undefined)
    return null
  })
}

/** @param {string} product @param {(key: string, value: string | null) => string | null} rest what is left of a value */
function clear(product, rest) {
  for (const place of [storage('localStorage'), storage('sessionStorage')]) {
    if (!place) continue
    place.removeItem(`feedback:${product}`) // from before drafts had owners
    for (const key of Object.keys(place)) {
      if (!key.startsWith(prefix(product))) continue
      const value = place.getItem(key)
      const left = rest(key, value)
      if (left === null) place.removeItem(key)
      else if (left !== value) place.setItem(key, left)
    }
  }
}

/** @param {string} product */
function prefix(product) {
  return `feedback:${product}:`
}

/** @param {'localStorage' | 'sessionStorage'} name @returns {Storage | undefined} undefined if the browser blocks it */
export function storage(name) {
  try {
    return window[name]
  } catch {
    return undefined
  }
}

/** @param {string | null | undefined} value @returns {any} */
export function parse(value) {
  try {
    return JSON.parse(value ?? '{}') ?? {}
  } catch {
    return {} // not ours
  }
}

/** @param {unknown} at when it was stored, in milliseconds since 1970 @param {number} [minutes] for which it is valid */
export function isFresh(at, minutes = DAYS * 24 * 60) {
  return typeof at === 'number' && Math.abs(Date.now() - at) < minutes * 60_000
}

/** @param {unknown} value */
function string(value) {
  return typeof value === 'string' ? value : ''
}

/** @param {string} text @returns {Promise<string>} */
async function hash(text) {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(bytes), byte => byte.toString(16).padStart(2, '0')).join('')
}
