// @ts-check
/**
 * What a person sent to a product from this browser: the last ten receipts with time and state, never a text. The texts
 * are kept apart, like drafts, and only until the submission has arrived.
 */
import {isFresh, parse, placeOf} from './kept.js'
/** @import {FeedbackForm} from './feedback-form.js' */
/** @import {Said} from './kept.js' */
/** @import {SubmissionStatus} from './status.js' */

const MOST = 10

/** @typedef {{url: string, at: number, status: SubmissionStatus['status']}} Sent the receipt's address, when it was sent in milliseconds, its state */

export class Receipts {
  #receipts
  #texts

  /** @param {Drawer} receipts @param {Drawer} texts */
  constructor(receipts, texts) {
    this.#receipts = receipts
    this.#texts = texts
  }

  /** The receipts of one person. @param {Pick<FeedbackForm, 'product' | 'address' | 'keeps'>} owner */
  static async of({product, address, keeps}) {
    const lasting = await placeOf(product, address, true)
    const own = await placeOf(product, address)
    return new Receipts(new Drawer(lasting.place, `${lasting.prefix}receipts`), new Drawer(keeps ? own.place : undefined, `${own.prefix}sent`))
  }

  /** Whether the person wants them kept. */
  get isKept() { return !this.#receipts.value.off }

  set isKept(may) {
    this.#receipts.value = may ? {sent: []} : {off: true}
    if (!may) this.#texts.value = undefined
  }

  /** The newest first. @returns {Sent[]} */
  get list() { return this.#receipts.value.sent ?? [] }

  /** @param {Sent} sent @param {Said} [said] */
  add(sent, said) {
    if (!this.isKept) return
    this.#receipts.value = {sent: [sent, ...this.list.filter(({url}) => url !== sent.url)].slice(0, MOST)}
    if (said && sent.status === 'accepted') this.#texts.value = {at: sent.at, said: {...this.#said, [sent.url]: said}}
  }

  /** Records a status. Once it is final, only a refused text is of further use, unless an operator gave it up.
   * @param {string} url @param {Pick<SubmissionStatus, 'status' | 'discarded'>} found */
  settle(url, {status, discarded}) {
    if (this.isKept) this.#receipts.value = {sent: this.list.map(sent => sent.url === url ? {...sent, status} : sent)}
    if (discarded || status !== 'accepted' && status !== 'refused') this.drop(url)
  }

  /** @param {string} url @returns {Said | undefined} */
  said(url) { return this.#said[url] }

  /** @param {string} url */
  drop(url) {
    const {[url]: _, ...said} = this.#said
    this.#texts.value = Object.keys(said).length ? {at: Date.now(), said} : undefined
  }

  /** @returns {Record<string, Said>} */
  get #said() {
    const {at, said} = this.#texts.value
    return isFresh(at) ? said ?? {} : {}
  }
}

/** The text of a receipt, whoever used this browser: only its sender has the receipt's address.
 * @param {string} product @param {string} url @returns {Said | undefined} */
export function textOf(product, url) {
  for (const place of [localStorage, sessionStorage]) {
    for (const key of Object.keys(place)) {
      const {at, said} = key.startsWith(`feedback:${product}:`) && key.endsWith(':sent') ? parse(place.getItem(key)) : {at: 0}
      if (isFresh(at) && said?.[url]) return said[url]
    }
  }
}

/** One value in a storage, as JSON; empty if nothing can be stored. */
class Drawer {
  #place
  #key

  /** @param {Storage | undefined} place @param {string} key */
  constructor(place, key) {
    this.#place = place
    this.#key = key
  }

  /** @returns {any} */
  get value() {
    return parse(this.#place?.getItem(this.#key))
  }

  set value(value) {
    try {
      if (value) this.#place?.setItem(this.#key, JSON.stringify(value))
      else this.#place?.removeItem(this.#key)
    } catch {
      // storage is full
    }
  }
}
