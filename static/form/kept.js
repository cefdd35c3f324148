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
const DRAFT = 'draft', FILES = 'files'
/** The key of the remembered e-mail address, which is the same for all products. */
export const ADDRESS = 'feedback-email'

/** On which the tabs of this browser tell each other what was sent and who has signed out. */
export const CHANNEL = 'feedback-sent'

/** @typedef {{text: string, thumb: string, chips: string[]}} Draft */
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

  /** @param {Place} [place] without one, nothing is kept @param {string} [prefix] of the owner's keys */
  constructor(place, prefix = '') {
    this.#place = place
    this.#prefix = prefix
  }

  /** The owner, as part of the keys. */
  get owner() { return this.#prefix }

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
    return new Kept(place ?? HERE, prefix)
  }

  /** @returns {Draft | undefined} */
  get draft() {
    const {text, thumb, chips, at} = parse(this.#read(DRAFT))
    return isFresh(at) && (text || thumb) ? {text: string(text), thumb: string(thumb), chips: [chips].flat().map(string)} : undefined
  }

  set draft(draft) { this.#write(DRAFT, draft) }

  /** The name of the draft's files in `draft-files.js`. @returns {string | undefined} */
  get files() {
    const {id, at} = parse(this.#read(FILES))
    return isFresh(at, MINUTES) && typeof id === 'string' ? id : undefined
  }

  set files(id) { this.#write(FILES, id && {id}) }

  /** Whether anything can be kept. */
  get isOpen() { return this.#place !== undefined }

  /** @param {string} what @param {object | string | undefined} value */
  #write(what, value) {
    try {
      if (value) this.#place?.setItem(this.#prefix + what, JSON.stringify({.../** @type {object} */ (value), at: Date.now()}))
      else this.#place?.removeItem(this.#prefix + what)
    } catch {
      // storage is full; drafts are optional
    }
  }

  /** @param {string} what */
  #read(what) {
    try {
      return this.#place?.getItem(this.#prefix + what)
    } catch {
      return null
    }
  }
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
  clear(product, () => true)
  if (holdsFiles) await import('./draft-files.js').then(({sweep}) => sweep(product, true)).catch(() => undefined)
}

/** @param {{owner: string, text: string} | {product: string, address: string}} news what was sent, or who has signed out */
export function tellTabs(news) {
  if (typeof BroadcastChannel !== 'function') return
  const channel = new BroadcastChannel(CHANNEL)
  channel.postMessage(news)
  channel.close()
}

/** Forgets the remembered address. */
export function forgetAddress() {
  storage('localStorage')?.removeItem(ADDRESS)
}

/** Clears what has expired, or is not ours. @param {string} product */
function sweep(product) {
  const mark = `${prefix(product)}browser:${FILES}`
  clear(product, (key, value) => {
    const isStale = !key.endsWith(':receipts') && !isFresh(parse(value).at, key.endsWith(`:${FILES}`) ? MINUTES : undefined)
    if (isStale && key === mark) import('./draft-files.js').then(({sweep}) => sweep(product)).catch(() => undefined)
    return isStale
  })
}

/** @param {string} product @param {(key: string, value: string | null) => boolean} goes */
function clear(product, goes) {
  for (const place of [storage('localStorage'), storage('sessionStorage')]) {
    if (!place) continue
    place.removeItem(`feedback:${product}`) // from before drafts had owners
    for (const key of Object.keys(place)) if (key.startsWith(prefix(product)) && goes(key, place.getItem(key))) place.removeItem(key)
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
