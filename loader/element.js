/** `<insider-feedback>`: attributes, properties and methods around a widget. */
import {widgets} from './guard.js'
import {OPTIONS, attribute} from './options.js'
import {mount, own} from './page.js'
import {NAME} from './source.js'
import {Widget} from './widget.js'

export class Feedback extends HTMLElement {
  static mount = mount
  /** @type {any} */
  #widget

  static observedAttributes = Object.keys(OPTIONS).map(key => {
    Object.defineProperty(Feedback.prototype, key, {
      get() { return OPTIONS[key] ? this.getAttribute(attribute(key)) : this.#widget.told[key] ?? null },
      set(value) { this.#widget.set({[key]: value}) },
    })
    return attribute(key)
  })

  constructor() {
    super()
    this.#widget = new Widget(this)
  }

  /** @param {any} [options] */ open(options) { return this.#widget.open(options) }
  /** @param {any} [options] */ close(options) { return this.#widget.close(options) }
  /** @param {any} [options] */ toggle(options) { return this.#widget.toggle(options) }
  /** @param {any} [options] */ reset(options) { return this.#widget.reset(options) }
  /** @param {any} [options] */ load(options) { return this.#widget.load(options) }
  /** @param {any} [options] */ set(options) { return this.#widget.set(options) }
  get isOpen() { return this.#widget.isOpen }

  /**
   * Properties that were set before the class was defined hide the accessors, so they are moved. A copy of the tag's
   * element comes from the page's own snapshots.
   */
  connectedCallback() {
    if (this.slot == NAME && this != own) return this.remove()
    for (const [key, value] of Object.entries(this)) if (key in OPTIONS && delete (/** @type {any} */ (this))[key]) this.#widget.set({[key]: value})
    this.#widget._start()
  }

  disconnectedCallback() { this.#widget._end() }
  connectedMoveCallback() { this.#widget.update() }

  /** Pages set what is set already, again and again. @param {string} name @param {string | null} old @param {string | null} now */
  attributeChangedCallback(name, old, now) {
    if (now == old) return
    if (widgets.includes(this.#widget) && /product|launcher|z-|mode/.test(name)) {
      this.#widget._end()
      this.#widget._start()
    } else this.#widget.update()
  }
}
