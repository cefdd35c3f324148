/** The behaviour of an element. It is a separate object, so that no name of a framework collides with it. */
import {add, dress} from './dom.js'
import {guard, widgets} from './guard.js'
import {OPTIONS, advise, attribute, fits} from './options.js'
import {own, reach} from './page.js'
import {NAME, beside, bring} from './source.js'
import {STYLE} from './style.js'

/** The launcher's text in languages where it differs; `h`: Chinese in traditional characters. @type {Record<string, string>} */
const WORDS = {
  ar: 'رأيك', es: 'Tu opinión', hi: 'राय', h: '意見', ja: 'ご意見', fr: 'Votre avis', zh: '反馈', tr: 'Geri bildirim', he: 'משוב', ko: '의견', uk: 'Відгук',
}

/**
 * `open`: the open widget; `_calls`: calls before there was an element.
 *
 * @type {{open?: Widget | null, _calls: ((widget: Widget) => void)[]}}
 */
export const state = {_calls: []}

export class Widget {
  /** `context` and `identity`. @type {any} */
  told = {}
  /** @type {IntersectionObserver | undefined} */
  #near

  /** @param {any} element */
  constructor(element) {
    this.element = element
    this.box = this.root = element.attachShadow({mode: 'open'})
  }

  update() {
    this.element.style.zIndex = this.get('zIndex') ?? ''
    if (this.box.style) this.box.style.zoom = 1 / this.element.currentCSSZoom // undo the page's zoom
    if (this.launcher) this.launcher.textContent = this.label
    this.panel?.update()
  }

  /** Forgets the person, and what the form stores. */
  async reset() {
    await (await bring('panel')).reset(this)
  }

  /** @param {string} type @param {object} [data] */
  tell(type, data) {
    this.element.dispatchEvent(new CustomEvent('feedback-' + type, {bubbles: true, detail: {product: this.get('product'), ...data}, composed: true}))
  }

  get url() { return beside(`form/${this.get('product')}?lang=${this.language}&theme=${this.get('theme') ?? 'auto'}`) }
  get inline() { return this.get('mode') == 'inline' }

  /** Sets options with valid values (a string, number or boolean), and reports all others. @param {any} options */
  set(options) {
    for (const [key, value] of Object.entries(options ?? {})) {
      if (OPTIONS[key] == '') this.told[key] = value
      else if (OPTIONS[key] && (value ?? '') === '') this.element.removeAttribute(attribute(key))
      else if (/le|er|ng/.test(typeof value) && fits(key, value)) this.element.setAttribute(attribute(key), value)
      else advise(key, value)
    }
    this.update()
  }

  _start() {
    guard([...widgets, this])
    this.box = this.root
    if (this.inline) {
      this.close()
      this.#near = new IntersectionObserver(([near]) => near.isIntersecting && this.load(), {rootMargin: '50%'})
      this.#near.observe(this.element)
    } else {
      this.box = add(this.root, 'div', {class: 'box', popover: 'manual'})
      if (!this.get('zIndex')) this.box.showPopover?.()
      if (this.get('launcher') != 'false') {
        this.launcher = add(this.box, 'button', {class: 'button launcher', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', part: 'launcher'})
        this.launcher.onfocus = this.launcher.onpointerenter = () => this.load()
      }
      state._calls.splice(0).forEach(call => call(this))
    }
    this.update() // asks for the page's zoom: before new styles, which would be computed for the answer
    dress(this.root, STYLE)
    this.isOpen && this.load()
  }

  /** What is open stays open if the element is only moved or changed. */
  _end() {
    queueMicrotask(() => this.element.isConnected || this.close())
    this.panel?.end()
    this.#near?.disconnect()
    this.root.replaceChildren()
    this.root.adoptedStyleSheets = []
    /** The panel, and its place, where the form's frame starts to load before the panel. @type {any} */
    this.panel = this.launcher = this.place = null
    guard(widgets.filter(widget => widget != this))
  }

  async load() {
    if (this.place) return
    reach(this.element)
    const place = this.place = add(this.box, this.inline ? 'div' : 'dialog', {hidden: true})
    add(place, 'iframe', {src: this.url + '&mode=' + (this.get('mode') ?? 'popover'), allow: 'display-capture; clipboard-write'}).onload = () => place.loaded = true
    const {Panel} = await bring('panel')
    if (this.place == place) try { // it was not started anew meanwhile
      this.panel = new Panel(this, add, dress)
    } catch {
      this.place = this.box.replaceChildren() // none: whoever opens the form tries again
      const link = add(this.box, 'a', {class: 'button launcher', href: this.url, target: '_blank', part: 'link'}, this.label + ' ↗')
      this.isOpen && this.person && link.click()
      this.close()
      const code = navigator.onLine ? 'script_blocked' : 'offline'
      addEventListener('online', () => this.element.replaceWith(this.element), {once: true}) // which starts it anew
      console.warn(NAME, code) // only the code: what blocks the panel may also block the module with the messages
      this.tell('error', {code, retryable: true})
    }
  }

  close() {
    if (!this.isOpen) return
    state.open = null
    this.panel?.hide()
    this.tell('close')
  }

  /** @param {object | null} [options] @param {any} [opener] */
  open(options, opener = document.activeElement) {
    this.set(options)
    this.load()
    if (this.inline) return
    if (!this.isOpen) {
      state.open?.close()
      this.opener = opener
      state.open = this
      this.person = navigator.userActivation?.isActive != false
      this.tell('open')
    }
    this.panel?.show()
  }

  get label() {
    const language = this.language.toLowerCase()
    return this.get('label') ?? WORDS[/zh-[^s]*[tkm]/.test(language) ? 'h' : language.slice(0, 2)] ?? 'Feedback'
  }

  get isOpen() { return this == state.open }

  /** An option that is an attribute; null if it is absent or invalid. @param {string} key */
  get(key) {
    const value = this.element.getAttribute(attribute(key))
    return value && fits(key, value) ? value : null
  }

  /** @param {any} [opener] */
  toggle(opener) {
    if (!this.isOpen) this.open(null, opener)
    else this.close()
  }

  /** The page's language, found through shadow roots. The tag's element belongs to the body, wherever it is. */
  get language() {
    for (let node = this.element; node; node = node != own ? node.parentNode ?? node.host : document.body) if (node.lang) return node.lang
    return navigator.language
  }
}
