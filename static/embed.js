/** The feedback button; embed-panel.js brings the form. */
(() => {
  const NAME = 'insider-feedback'
  /** @type {any} */
  const script = document.currentScript ?? document.querySelector('script[src*="/embed.js"]')
  /** @type {any} */
  const loaded = customElements.get(NAME)
  if (loaded) return loaded.mount(script)

  /** @type {any} */
  const WORDS = {
    ar: 'رأيك', es: 'Tu opinión', fr: 'Votre avis', hi: 'फ़ीडबैक', it: 'Il tuo parere', ja: 'フィードバック', ko: '의견 보내기', tr: 'Geri bildirim', zh: '反馈',
  }

  const bring = (/** @type {string} */ name) => import(String(new URL(`static/embed-${name}.js`, script.src)))

  const style = new CSSStyleSheet()
  style.replaceSync(`
:host{position:fixed;z-index:var(--feedback-z-index,2147483000);color-scheme:light dark;
--a:var(--feedback-accent,light-dark(#2f4e86,#4b6ebd));--s:var(--feedback-surface,light-dark(#fff,#1f1d1b));
--x:auto 28px;--y:auto calc(24px + env(safe-area-inset-bottom))}
:host([theme=light]){color-scheme:light}
:host([theme=dark]){color-scheme:dark}
:host([position$=start]){--x:28px auto}
:host([position^=top]){--y:calc(24px + env(safe-area-inset-top)) auto}
:host([mode=inline]){position:static;display:block}
:host([hidden]){display:none}
.launcher{position:fixed;inset-inline:var(--x);inset-block:var(--y);border-radius:99px;
box-shadow:0 0 0 1px light-dark(#fff8,#fff2),0 10px 24px -6px #281e0a4d}
.button{display:flex;align-items:center;justify-content:center;gap:10px;min-height:52px;margin:0;padding:0 22px 0 20px;
border:1px solid transparent;background:var(--a);color:var(--feedback-on-accent,#fff);cursor:pointer;text-decoration:none;transition:background .12s;
font:600 max(16px,1rem)/1.5 var(--feedback-font,system-ui,sans-serif)}
.button:hover{background:var(--feedback-accent-hover,color-mix(in srgb,var(--a),light-dark(#000,#7598e7) 12%))}
.button:active{background:var(--feedback-accent-pressed,color-mix(in srgb,var(--a),#000 25%));scale:.985}
:focus-visible{outline:2px solid var(--feedback-focus,light-dark(#3766bd,#b8ccfb));outline-offset:2px}
.launcher:focus-visible{box-shadow:0 0 0 2px var(--s)}
svg{width:20px;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round}
@media print{:host(:not([mode=inline])){display:none}}`)

  /** @type {(parent: ParentNode, name: string, attributes?: object, text?: string) => any} */
  const add = (parent, name, attributes = {}, text = '') => {
    const element = document.createElementNS(`http://www.w3.org/${/svg|path/.test(name) ? '2000/svg' : '1999/xhtml'}`, name)
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
    element.textContent = text
    parent.append(element)
    return element
  }

  const ends = /** @type {(() => void)[]} */ ([])
  /** @type {(types: string[], listener: (event: any) => void) => () => void} */
  const listen = (types, listener) => {
    const gone = new AbortController()
    const end = () => gone.abort()
    for (const type of types) document.addEventListener(type, listener, gone)
    ends.push(end)
    return end
  }

  /** What a page may say, each an attribute and a property of the element. */
  const OPTIONS = ['product', 'mode', 'position', 'theme', 'lang', 'email', 'label', 'zIndex', 'launcher']
  const attribute = (/** @type {string} */ key) => key.replace('I', '-i')

  /** @type {any} */
  let current, /** @type {any} */ own // the widget that is open; the element made by the tag

  /** What an element does. It is no part of the element, so that no framework finds it there. */
  class Widget {
    /** @type {any} */
    launcher
    /** @type {any} */
    panel
    told = /** @type {any} */ ({})
    #near = new IntersectionObserver(([{isIntersecting}]) => isIntersecting && this.load(), {rootMargin: '50%'})
    #loading = false

    constructor(/** @type {HTMLElement} */ element) {
      this.element = element
      this.root = element.attachShadow({mode: 'open'})
    }

    get isOpen() { return current == this }
    get product() { return this.get('product') }
    get inline() { return this.get('mode') == 'inline' }
    get theme() { return this.get('theme') ?? 'auto' }
    get language() { return this.element.closest('[lang]')?.getAttribute('lang') || navigator.language }
    get label() { return this.get('label') || WORDS[this.language.slice(0, 2)] || 'Feedback' }
    get url() { return new URL(`form/${this.product}?lang=${this.language}&theme=${this.theme}`, script.src) }

    get(/** @type {string} */ key) {
      return this.element.getAttribute(attribute(key))
    }

    start() {
      this.end()
      this.root.adoptedStyleSheets = [style]
      if (this.inline) this.#near.observe(this.element)
      else if (this.get('launcher') != 'false') {
        const launcher = this.launcher = add(this.root, 'button', {class: 'button launcher', part: 'launcher', 'aria-haspopup': 'dialog'})
        add(add(launcher, 'svg', {viewBox: '0 0 20 20', 'aria-hidden': true}), 'path')
        add(launcher, 'span')
        launcher.onpointerenter = launcher.onfocus = () => this.load()
        launcher.onclick = () => this.toggle(launcher)
      }
      this.update()
    }

    end() {
      this.close()
      this.panel?.end()
      this.#near.disconnect()
      this.root.replaceChildren()
      this.panel = this.launcher = null
      this.#loading = false
    }

    update() {
      this.element.style.zIndex = this.get('zIndex') ?? ''
      this.panel?.update()
      const {launcher, isOpen} = this
      if (!launcher) return
      launcher.ariaExpanded = isOpen
      launcher.querySelector('path').setAttribute('d', isOpen ? 'M5 5l10 10M15 5L5 15' : 'M10 3a7 6.5 0 1 1-3 12.4L3 17l1-4A7 6.5 0 0 1 10 3z')
      launcher.lastChild.textContent = isOpen && this.panel?.close || this.label
    }

    tell(/** @type {string} */ type, data = {}) {
      this.element.dispatchEvent(new CustomEvent('feedback-' + type, {bubbles: true, composed: true, detail: {product: this.product, ...data}}))
    }

    async load() {
      if (this.#loading) return this.panel?.load()
      this.#loading = true
      try {
        const {Panel} = await bring('panel')
        if (this.element.isConnected) this.panel ??= new Panel(this, add)
      } catch {
        this.close()
        this.root.replaceChildren()
        add(this.root, 'a', {class: 'button launcher', part: 'link', href: this.url, target: '_blank', rel: 'noopener'}, this.label + ' ↗')
        this.tell('error', {code: navigator.onLine ? 'script_blocked' : 'offline', retryable: true})
      }
    }

    open(/** @type {any} */ options, opener = document.activeElement) {
      this.set(options)
      this.load()
      if (this.isOpen || this.inline) return
      current?.close()
      current = this
      this.opener = opener
      this.person = navigator.userActivation?.isActive ?? true
      this.panel?.show()
      this.update()
      this.tell('open')
    }

    close() {
      if (!this.isOpen) return
      current = undefined
      this.panel?.hide()
      this.update()
      this.tell('close')
    }

    toggle(/** @type {any} */ opener) {
      this.isOpen ? this.close() : this.open({}, opener)
    }

    set(/** @type {any} */ values) {
      for (const [key, value] of Object.entries(values ?? {})) {
        if (!OPTIONS.includes(key)) this.told[key] = value
        else if (value == null || value === '') this.element.removeAttribute(attribute(key))
        else this.element.setAttribute(attribute(key), value)
      }
      this.update()
    }

    async reset() {
      await (await bring('panel')).reset(this)
    }
  }

  class Feedback extends HTMLElement {
    static observedAttributes = ['zindex', ...OPTIONS.map(attribute)]
    #widget = new Widget(this)

    static mount(/** @type {HTMLScriptElement} */ {dataset}) {
      if ('debug' in dataset) bring('debug')
      if (!dataset.product || own?.isConnected && own.product == dataset.product) return
      own?.remove()
      own = document.createElement(NAME)
      own.set(dataset)
      document.body.append(own)
    }

    static {
      for (const key of [...OPTIONS, 'context', 'identity']) {
        Object.defineProperty(Feedback.prototype, key, {
          get() { return OPTIONS.includes(key) ? this.#widget.get(key) : this.#widget.told[key] ?? null },
          set(value) { this.#widget.set({[key]: value}) },
          enumerable: true, configurable: true,
        })
      }
    }

    get isOpen() { return this.#widget.isOpen }

    connectedCallback() {
      const early = /** @type {any} */ ({...this}) // set before this class was known
      for (const key of [...OPTIONS, 'context', 'identity']) {
        if (!(key in early)) continue
        delete (/** @type {any} */ (this))[key]
        this.set({[key]: early[key]})
      }
      this.#widget.start()
    }

    disconnectedCallback() { this.#widget.end() }
    connectedMoveCallback() {}

    /** @param {string} name */
    attributeChangedCallback(name) {
      if (name == 'zindex') this.set({zIndex: this.getAttribute(name)}) // as some frameworks write it before this is known
      if (this.isConnected && /product|mode|launcher/.test(name)) this.#widget.start()
      else this.#widget.update()
    }

    load() { return this.#widget.load() }
    open(/** @type {any} */ options, /** @type {any} */ opener) { this.#widget.open(options, opener) }
    close() { this.#widget.close() }
    toggle(/** @type {any} */ opener) { this.#widget.toggle(opener) }
    set(/** @type {any} */ options) { this.#widget.set(options) }
    reset() { return this.#widget.reset() }
  }

  const chosen = () => own?.isConnected ? own : /** @type {any} */ (document.querySelector(NAME + ':not([mode=inline])'))

  /** @type {any} */
  const api = {
    get isOpen() { return !!current },
    open: (/** @type {any} */ options) => chosen()?.open(options),
    close: () => current?.close(),
    toggle: () => (current ?? chosen())?.toggle(),
    set: (/** @type {any} */ options) => chosen()?.set(options),
    attach: (/** @type {any} */ target) => listen(['pointerover', 'focusin', 'click'], event => {
      const opener = typeof target == 'string' ? event.target.closest(target) : target.contains(event.target) && target
      if (!opener) return
      if (event.type != 'click') return chosen()?.load()
      event.preventDefault()
      chosen()?.toggle(opener)
    }),
    on: (/** @type {string} */ type, /** @type {any} */ callback) => listen(['feedback-' + type], event => callback(event.detail)),
    reset: () => Promise.all(Array.from(document.querySelectorAll(NAME), (/** @type {any} */ element) => element.reset())),
    async destroy({keep = false} = {}) {
      own?.remove()
      for (const end of ends) end()
      keep || await own?.reset()
    },
    push: (/** @type {any} */ call) => call(api),
  }
  const start = () => {
    const queue = /** @type {any} */ (window).InsiderFeedback ?? []
    Object.assign(window, {InsiderFeedback: api})
    customElements.define(NAME, Feedback)
    Feedback.mount(script)
    queue.push = api.push
    queue.forEach(api.push)
  }
  document.body ? start() : addEventListener('DOMContentLoaded', start)
})()
