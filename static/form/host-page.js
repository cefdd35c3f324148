// @ts-check
/** What the host page passes: who the person is, perhaps signed by its server, the language, and
 * context. */
import {forget, forgetAddress, Kept, tellTabs} from './kept.js'
/** @import {FeedbackForm} from './feedback-form.js' */

/**
 * @typedef {{
 *   theme?: 'light' | 'dark' | 'auto' | null,
 *   lang?: string | null,
 *   email?: string | null,
 *   identity?: string | null,
 *   renews?: boolean,
 *   context?: Record<string, unknown> | null,
 *   sheet?: boolean,
 *   low?: boolean,
 *   trap?: boolean,
 *   place?: string,
 *   focus?: 'first' | 'last',
 *   visible?: boolean,
 * }} HostWish what the host page sets; `null` takes a value back; an absent key changes nothing
 */

/**
 * Events of `HostLink`:
 * - hello (detail: HostWish) the host page has sent its first message
 * - set (detail: HostWish) it has sent all its values again
 * - close it has closed the popover or dialog
 * - reset the person has signed out; answered by `reset()`
 * - focus (cancelable, detail: 'first' | 'last') focus goes to that end of the form
 */

const root = document.documentElement
const KEYS = 10, KEY = 40, VALUE = 300
const LONGEST = 4096 // characters of an identity

/** The person and the context that the page passes; `null` takes a value back. */
export class HostPage {
  #form
  #email = ''
  #identity = ''
  /** The address of the identity, once the service has accepted it. */
  #vouched = ''
  /** Whether the page can provide a new identity. */
  #renews = false
  /** Who wait for an identity that is believed. @type {((identity: string) => void)[]} */
  #waiting = []
  /** The language that it asked for last; null: it took that back. @type {string | null | undefined} */
  #lang
  /** Whether the page has named a person before. */
  #hasNamed = false

  /** @param {FeedbackForm} form */
  constructor(form) {
    this.#form = form
    this.#hasNamed = form.address !== ''
    this.#email = form.given
    this.#identity = form.element('identity')?.value ?? ''
    this.#vouched = this.#identity && form.given
  }

  /** @param {HostWish} wish */
  hear({email, identity, renews = false, context, lang}) {
    this.#form.isMet = true
    if (email !== undefined) this.#email = email ?? ''
    this.#renews = renews
    this.#form.vouch = renews ? () => new Promise(done => this.#waiting.push(done)) : undefined
    if (identity !== undefined && (identity ?? '') !== this.#identity) this.#check(identity ?? '')
    this.#meet()
    if (context !== undefined) tell(this.#form, context ?? {})
    if (lang !== undefined) this.#lang = lang
    if (!this.#form.address) this.#form.recall()
    this.#speak(isUntouched(this.#form))
  }

  /** The page has closed the form: after the thanks, shows a fresh one. */
  async close() {
    const form = this.#form
    const isThanking = Boolean(form.form.hidden)
    if (isThanking) (await form.wake()).sending.another({focus: false})
    this.#speak(isThanking || isUntouched(form))
  }

  /** The person has signed out: removes all input. */
  async reset() {
    const form = this.#form
    const {controller, product, address} = form
    form.resets++
    forgetAddress()
    form.form.reset()
    this.hear({email: null, identity: null, context: null})
    change(form, '')
    await controller?.draft.settled
    await forget(product)
    tellTabs({product, address})
  }

  /** Loads the page in the requested language, once nothing would be lost. @param {boolean} may */
  #speak(may) {
    const url = new URL(location.href)
    const now = url.searchParams.get('lang')
    if (!may || this.#lang === undefined || this.#lang === (this.#lang === null ? now : now ?? root.lang)) return
    if (this.#lang) url.searchParams.set('lang', this.#lang)
    else url.searchParams.delete('lang')
    location.replace(url)
  }

  /** Asks the service at once whether it accepts the identity, not only on Send.
   * @param {string} identity */
  async #check(identity) {
    const form = this.#form
    this.#identity = identity
    if (emailOf(identity) !== this.#vouched) this.#vouched = ''
    if (!form.element('identity')) return
    const fault = identity && await refusal(form, identity)
    if (identity !== this.#identity) return
    this.#vouched = fault ? '' : emailOf(identity)
    this.#meet()
    if (fault) form.tell('error', {code: 'identity_invalid', reason: fault, retryable: true})
    for (const done of this.#waiting.splice(0)) done(fault ? '' : identity)
  }

  /** Puts the identity into the form. The form belongs to the person whom the page names, even before the check, so nobody
   * else sees it meanwhile. */
  #meet() {
    const form = this.#form
    const named = form.element('identity') ? emailOf(this.#identity) : ''
    const address = (named || this.#email).trim().toLowerCase()
    if (address !== form.address) this.#turn(address)
    else if (address) form.controller?.draft.restore()
    this.#hasNamed ||= address !== ''
    form.offerToRemember()
    form.offerReceipts()
    this.#fill(this.#vouched)
    const note = form.element('feedback-identity')
    if (note) note.hidden = this.#vouched || this.#renews && !this.#identity
  }

  /** Another person has come, or the first known one, to whom an anonymous draft then belongs, next to their own.
   * @param {string} address */
  async #turn(address) {
    const form = this.#form
    const {controller} = form
    if (this.#hasNamed || controller?.draft.isRestored || isUntouched(form) && !said(form)) return change(form, address)
    form.address = address
    const coming = Kept.of(form.product, address, form.keeps)
    if (controller) controller.address = address
    controller?.draft.moveTo(coming)
    if ((await coming).draft && form.address === address) form.wake().catch(() => undefined)
  }

  /** Fills in the address, unless the person has entered another one. A signed address cannot be changed if
   * the product says so. @param {string} vouched */
  #fill(vouched) {
    const form = this.#form
    const {email, given} = form
    const field = form.element('identity')
    const kind = field?.dataset.email
    const isFixed = vouched !== '' && (kind === 'read-only' || kind === 'hidden')
    if (email.type === 'hidden' && !isFixed) return location.replace(withoutIdentity()) // this page has no field for the address
    const offered = vouched || this.#email
    if (field) field.value = vouched || form.element('feedback-identity') ? this.#identity : ''
    form.given = email.dataset.prefill ? '' : offered
    if (isFixed || email.value === given || offered && email.value === form.remembered) email.value = form.given
    if (email.value !== given) form.controller?.faults.clear('submittedByEmail')
    if (!form.form.dataset.state) email.readOnly = isFixed
    const place = email.closest('.feedback-field')
    if (place instanceof HTMLElement) place.hidden = isFixed && kind === 'hidden'
  }
}

/** Hides the previous person's input and restores this person's. A typed address stays when the page
 * takes its own back. @param {FeedbackForm} form @param {string} address */
function change(form, address) {
  const {email, given, controller, product, keeps, address: former} = form
  const draft = controller ? undefined : said(form)
  if (draft) Kept.of(product, former, keeps).then(kept => kept.keep(draft))
  const typed = !address && email.value !== given ? email.value : ''
  form.turn(address)
  for (const field of form.form.querySelectorAll('textarea')) field.value = field.defaultValue = '' // first of all: from now on it is the next person's
  for (const box of form.form.querySelectorAll('input')) box.defaultChecked = false
  email.defaultValue = ''
  form.form.reset()
  email.value = typed
  form.given = ''
  if (controller) form.token.value = '' // it may have been used already
  Kept.of(product, address, keeps).then(kept => (controller || draft || kept.draft) && form.wake()).catch(() => undefined)
}

/** Text, thumb and chips, if there are any. @param {FeedbackForm} form */
function said({form, element}) {
  const data = new FormData(form)
  const draft = {text: String(element('description')?.value ?? ''), thumb: String(data.get('sentimentRating') ?? ''), chips: data.getAll('chips').map(String)}
  return draft.text.trim() || draft.thumb ? draft : undefined
}

/** Whether nothing would be lost if the page were left. @param {FeedbackForm} form */
function isUntouched({form, isOpen, email, given, remembered, element}) {
  const isOurs = (/** @type {any} */ {type, value, checked, files, defaultValue, defaultChecked, id}) =>
    type === 'file' ? !files.length : type === 'radio' || type === 'checkbox' ? checked === defaultChecked
      : type === 'hidden' || defaultValue === undefined || (id === email.id ? [given, remembered] : [defaultValue]).includes(value)
  return isOpen && !element('feedback-files')?.childElementCount && [...form.elements].every(isOurs)
}

/** This page's address without the identity. */
function withoutIdentity() {
  const url = new URL(location.href)
  url.searchParams.delete('identity')
  return url
}

/** Why the service rejects an identity; undefined if it accepts it or does not answer. Then it decides on Send.
 * @param {FeedbackForm} form @param {string} identity @returns {Promise<string | undefined>} */
async function refusal(form, identity) {
  if (identity.length > LONGEST || /[^!-~]/.test(identity)) return 'malformed'
  const {origin, pathname} = new URL(form.form.action)
  try {
    const headers = {Accept: 'application/json', 'X-Identity': identity, 'X-Form-Token': form.token.value}
    const answer = await fetch(`${origin}${pathname}/identity`, {headers})
    return answer.status === 403 ? (await answer.json()).errors[0].reason : undefined
  } catch {
    return undefined
  }
}

/** The address in a token, to show to the person. @param {string} identity */
function emailOf(identity) {
  try {
    const claims = identity.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(claims), character => character.charCodeAt(0))
    return String(JSON.parse(new TextDecoder().decode(bytes)).email ?? '')
  } catch {
    return ''
  }
}

/** Shows the context, and sends it with the form. @param {FeedbackForm} form @param {Record<string, unknown>} context */
function tell(form, context) {
  const details = form.element('feedback-context')
  if (!details) return
  const kept = readContext(context)
  details.hidden = !kept.length
  details.querySelector('dl').replaceChildren(...kept.map(([key, value]) => {
    const row = document.createElement('div')
    row.append(named('dt', key), named('dd', value))
    return row
  }))
  form.element('context').value = kept.length ? JSON.stringify(Object.fromEntries(kept)) : ''
}

/** The accepted part of a context, by the rules of `widget/submissions/context.py`: the server stores what is shown.
 * @param {Record<string, unknown>} context */
export function readContext(context) {
  const pairs = Object.entries(context).map(([key, value]) => [line(key), shown(value)])
  return pairs.filter(([key, value]) => key && value && [...key].length <= KEY).slice(0, KEYS)
}

/** @param {string} name @param {string} text */
function named(name, text) {
  const element = document.createElement(name)
  element.textContent = text
  return element
}

/** @param {string} text */
function line(text) {
  return text.replace(/\s+/g, ' ').trim()
}

/** An address without query and fragment, which may contain tokens. @param {unknown} value */
function shown(value) {
  if (!['string', 'number', 'boolean'].includes(typeof value)) return ''
  const text = [...line(String(value))].slice(0, VALUE).join('') // whole characters
  if (!/^https?:\/\//i.test(text)) return text
  try {
    const {origin, pathname} = new URL(text)
    return origin + pathname
  } catch {
    return '' // URL.canParse is younger than Chrome 109
  }
}
