/** `<insider-feedback>`: attributes, properties and methods around a widget. */
import {OPTIONS, attribute} from './options.js'
import {Widget} from './widget.js'

export class Feedback extends HTMLElement {
  static observedAttributes = Object.keys(OPTIONS).map(attribute)
  /** @type {any} */
  #widget = new Widget(this)

  static options = Object.keys(OPTIONS).map(key => Object.defineProperty(Feedback.prototype, key, {
    get() { return OPTIONS[key] ? this.getAttribute(attribute(key)) : this.#widget.told[key] ?? null },
    set(value) { this.#widget.set({[key]: value}) },
  }))
  static methods = ['load', 'open', 'close', 'toggle', 'set', 'reset'].map(name => Object.assign(Feedback.prototype, {
    /** @this {Feedback} @param {object} [options] */
    [name](options) { return this.#widget[name](options) },
  }))

  get isOpen() { return this.#widget.isOpen }

  /** Properties that were set before the class was defined hide the accessors, so they are moved. */
  connectedCallback() {
    const early = /** @type {any} */ ({...this})
    for (const key in OPTIONS) if (key in early && delete (/** @type {any} */ (this))[key]) this.#widget.set({[key]: early[key]})
    this.#widget._start()
  }

  disconnectedCallback() { this.#widget._end() }
  connectedMoveCallback() { this.#widget.update() }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (this.isConnected && /product|mode|launcher|z-/.test(name)) this.#widget._start()
    else this.#widget.update()
  }
}
