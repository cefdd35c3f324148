/**
 * The form's side of the messages with the host page.
 *
 * The form posts nothing before the host page has sent `hello` from an allowed origin, and then only to that
 * origin: never the text, the e-mail address or a secret. If no page sends `hello`, it stays silent.
 */
/** @import {HostWish} from './host-page.js' */

const NAME = 'insider-feedback'
const ENTRY = /^(https?:)\/\/(\*\.)?([^/:*]+)(?::(\d+|\*))?$/
const PORTS = /** @type {Record<string, string>} */ ({'http:': '80', 'https:': '443'})
const UNHEARD = 3000 // milliseconds after which the host page counts as one that does not know stages
const TABBABLE = 'a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex], [contenteditable]'

/** Whether an entry such as `https://app.example.com`, `https://*.example.com` or `http://localhost:*` allows an origin.
 * @param {string} entry @param {string} origin */
export function allows(entry, origin) {
  const [, scheme, wild, host, port] = ENTRY.exec(entry.toLowerCase()) ?? []
  const [, given, , name, at] = ENTRY.exec(origin) ?? []
  if (!scheme || given !== scheme) return false
  if (port !== '*' && (port ?? PORTS[scheme]) !== (at ?? PORTS[scheme])) return false
  return wild ? name.endsWith('.' + host) : name === host
}

export class HostLink extends EventTarget {
  #origins
  #box
  #title
  #close
  /** The host page, with its port if it has sent one. @type {{origin: string, id: string, port?: MessagePort} | undefined} */
  #peer
  #trap = false
  #height = 0
  /** Whether the window has another height, and the same width, since the last task: a width changes where lines end. */
  #moved = false
  /** Heights in a row that came with one of the window's own, while nobody did anything and no element came or went. */
  #follows = 0
  /** Whether the person has done something here since the form was opened. Then the focus stays where they put it. */
  #isUsed = false
  /** Who waits until the host page has made room, or is out of the way. @type {(() => void)[]} */
  #staged = []
  #gone = new AbortController()
  #sizes = new ResizeObserver(() => this.#resize())
  #contents = new MutationObserver(() => { this.#follows = 0 })

  /**
   * Create it while the page's first module runs: the host page sends `hello` when the frame has loaded.
   *
   * @param {object} options
   * @param {string[]} options.origins the product's allowed origins
   * @param {HTMLElement} [options.box] whose height the frame gets
   * @param {string} [options.title] the accessible name of frame and dialog
   * @param {string} [options.close] the launcher's text while the form is open
   */
  constructor({origins, box = document.body, title = document.title, close}) {
    super()
    this.#origins = origins
    this.#box = box
    this.#title = title
    this.#close = close
    if (window.parent === window) return
    const {signal} = this.#gone
    window.addEventListener('message', event => this.#hear(event), {signal})
    let width = innerWidth
    window.addEventListener('resize', () => {
      this.#moved = width === innerWidth
      width = innerWidth
      setTimeout(() => { this.#moved = false })
    }, {signal})
    for (const type of ['pointerdown', 'keydown', 'input']) window.addEventListener(type, () => {
      this.#isUsed = true
      this.#follows = 0
    }, {signal, capture: true})
    this.#contents.observe(box, {childList: true, subtree: true, attributeFilter: ['hidden']})
    document.addEventListener('keydown', event => this.#key(event), {signal})
  }

  /** Whether an allowed host page has sent `hello`. */
  get connected() {
    return this.#peer !== undefined
  }

  /** There is input that would be lost. */
  dirty() {
    this.#post('dirty')
  }

  submit() {
    this.#post('submit')
  }

  /** @param {{receipt: string, status: 'delivered' | 'accepted'}} answer */
  success({receipt, status}) {
    this.#post('success', {receipt, status})
  }

  /** @param {{code: string, retryable: boolean, reason?: string}} fault */
  error({code, retryable, reason}) {
    this.#post('error', {code, retryable, ...reason && {reason}})
  }

  /** The person wants to leave the form: Escape, or a close button in it. */
  escape() {
    this.#post('escape')
  }

  reset() {
    this.#post('reset')
  }

  /** Asks the host page for the whole window, or to hide the widget. @param {'full' | 'hidden' | ''} how
   * @returns {Promise<boolean>} whether it has */
  stage(how) {
    return new Promise(resolve => {
      if (!this.connected) return resolve(false)
      this.#staged.push(() => resolve(true))
      setTimeout(() => resolve(false), UNHEARD)
      this.#post('stage', {how})
    })
  }

  end() {
    this.#gone.abort()
    this.#sizes.disconnect()
    this.#contents.disconnect()
    this.#peer?.port?.close()
    this.#peer = undefined
  }

  /** @param {Pick<MessageEvent, 'source' | 'origin' | 'data' | 'ports'>} event */
  #hear({source, origin, data: message, ports: [port]}) {
    if (source !== window.parent || !message || message.ns !== NAME || message.v !== 1) return
    if (typeof message.id !== 'string' || !this.#origins.some(entry => allows(entry, origin))) return
    if (message.type === 'hello') this.#meet(origin, message, port)
    else if (this.#peer?.origin !== origin || this.#peer.id !== message.id) return
    else if (message.type === 'set') this.#wish('set', message.data)
    else if (message.type === 'staged') for (const done of this.#staged.splice(0)) done()
    else if (['close', 'reset'].includes(message.type)) {
      this.#isUsed = false
      this.dispatchEvent(new Event(message.type))
    }
  }

  /** @param {string} origin @param {{id: string, data: unknown}} message @param {MessagePort} [port] for the answers */
  #meet(origin, {id, data}, port) {
    if (this.#peer && this.#peer.origin !== origin) return
    this.#peer?.port?.close()
    this.#peer = {origin, id, port}
    this.#height = 0
    this.#wish('hello', data)
    this.#resize()
    this.#sizes.observe(this.#box)
    this.#post('ready', {title: this.#title, close: this.#close})
  }

  /** @param {'hello' | 'set'} type @param {unknown} data */
  #wish(type, data) {
    const wish = known(data)
    this.#follows = 0
    if (wish.trap !== undefined) this.#trap = wish.trap
    this.dispatchEvent(new CustomEvent(type, {detail: wish}))
    if (wish.focus) this.#focus(wish.focus, wish.visible)
  }

  /**
   * A slow host page may ask for this when the person is already writing. Then the focus stays where it is.
   *
   * @param {'first' | 'last'} end @param {boolean} [visible] whether the ring shall show: not after a pointer's press
   */
  #focus(end, visible) {
    if (this.#isUsed) return
    if (!this.dispatchEvent(new CustomEvent('focus', {detail: end, cancelable: true}))) return
    const stops = tabStops()
    const stop = end === 'last' ? stops.at(-1) : stops.find(stop => stop instanceof HTMLInputElement) ?? stops[0]
    stop?.focus(visible === undefined ? {} : {focusVisible: visible})
    if (end === 'first') scrollTo(0, 0) // in a low window, show the title all the same
  }

  #resize() {
    const height = Math.ceil(this.#box.getBoundingClientRect().height)
    if (!this.connected || height === this.#height) return
    this.#follows = this.#moved && innerHeight === this.#height ? this.#follows + 1 : 0
    if (this.#follows > 1) return // a form whose height is a share above that of its frame would grow for ever
    this.#height = height
    this.#post('resize', {height})
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || document.querySelector('dialog:modal')) return
    if (event.key === 'Escape') this.escape()
    if (event.key !== 'Tab' || event.altKey || event.ctrlKey || event.metaKey || !this.connected) return
    const direction = event.shiftKey ? 'backward' : 'forward'
    if (!atEdge(direction)) return
    if (this.#trap) event.preventDefault()
    this.#isUsed = false // the host page says where the focus goes next
    this.#post('focusexit', {direction})
  }

  /** @param {string} type @param {Record<string, unknown>} [data] */
  #post(type, data = {}) {
    if (!this.#peer) return
    const {origin, id, port} = this.#peer
    const message = {ns: NAME, v: 1, id, type, data}
    if (port) port.postMessage(message)
    else window.parent.postMessage(message, origin)
  }
}

/** The valid part of a host page's data. @param {any} data @returns {HostWish} */
function known(data) {
  if (typeof data !== 'object' || !data) return {}
  /** @type {Record<string, unknown>} */
  const wish = {}
  if (['light', 'dark', 'auto', null].includes(data.theme)) wish.theme = data.theme
  if (data.lang === null || typeof data.lang === 'string' && /^[\w-]{2,35}$/.test(data.lang)) wish.lang = data.lang
  if (data.email === null || typeof data.email === 'string' && data.email.length <= 254) wish.email = data.email
  if (data.identity === null || typeof data.identity === 'string') wish.identity = data.identity
  if (typeof data.context === 'object') wish.context = data.context
  if (['first', 'last'].includes(data.focus)) wish.focus = data.focus
  if (typeof data.place === 'string') wish.place = data.place
  for (const key of ['renews', 'sheet', 'low', 'trap', 'visible']) if (typeof data[key] === 'boolean') wish[key] = data[key]
  return wish
}

/** The elements at which Tab stops, in order. A group of radio buttons counts each of them. */
function tabStops() {
  const all = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(TABBABLE))
  return [...all].filter(stop => stop.tabIndex >= 0 && !stop.matches(':disabled, [inert] *') && isSeen(stop))
}

/** `checkVisibility` is younger than Safari 16. @param {HTMLElement} element */
function isSeen(element) {
  return element.getClientRects().length > 0 && getComputedStyle(element).visibility === 'visible'
}

/** Whether the next Tab leaves the page. @param {'forward' | 'backward'} direction */
function atEdge(direction) {
  const stops = tabStops()
  const stop = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement))
  if (stop < 0) return false
  const ahead = direction === 'forward' ? stops.slice(stop + 1) : stops.slice(0, stop)
  return ahead.every(other => sameGroup(other, stops[stop]))
}

/** @param {HTMLElement} one @param {HTMLElement} other */
function sameGroup(one, other) {
  return one instanceof HTMLInputElement && other instanceof HTMLInputElement
    && one.type === 'radio' && other.type === 'radio' && one.name === other.name && one.form === other.form
}
