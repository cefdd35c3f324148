// @ts-check
/** Keeps text and thumb for their owner until they are sent or thrown away; never the address, never a file. */
import {Kept} from './kept.js'
/** @import {FormController} from './form-controller.js' */

const PAUSE = 300 // milliseconds without a key, after which it is written

export class Draft {
  #controller
  #timer = 0
  /** @type {Promise<Kept>} */
  #coming
  /** Once it is known, so that a page that goes can still write. @type {Kept | undefined} */
  #kept
  /** Does the form hold what was kept before? */
  isRestored = false

  /** @param {FormController} controller */
  constructor(controller) {
    const {product, address, keeps} = controller.form
    this.#controller = controller
    this.#coming = Kept.of(product, address, keeps).then(kept => this.#kept = kept)
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const {form} = this.#controller
    for (const type of ['input', 'change']) form.form.addEventListener(type, () => this.#soon(), {signal})
    addEventListener('pagehide', () => this.#keep(), {signal})
    form.element('feedback-draft-clear').addEventListener('click', () => this.#clear(), {signal})
    this.#soon() // what was put in before this was loaded
  }

  /** Gives back what was kept, unless the page holds something already. */
  async restore() {
    const {draft} = await this.#coming
    const {fields} = this.#controller
    if (!draft || this.#controller.isLeft || !this.#controller.isEmpty) return
    if (fields.area) fields.area.value = draft.text
    fields.thumb = draft.thumb
    this.isRestored = true
    this.#note.hidden = false
    fields.refresh()
  }

  /** It has been sent or thrown away. */
  drop() {
    this.#rest()
    this.#note.hidden = true
    this.#write()
  }

  /** It has been sent, and its owner is no longer there. @param {string} text what was sent */
  async forget(text) {
    const kept = await this.#coming
    if (!kept.draft?.text || kept.draft.text === text) kept.draft = undefined
  }

  /** Somebody who was not known when it was begun turned out to be its owner. @param {Kept} kept */
  moveTo(kept) {
    this.#write()
    this.#kept = kept
    this.#coming = Promise.resolve(kept)
    this.#soon()
  }

  /** Its owner goes. */
  leave() {
    this.#keep()
    this.#note.hidden = true
  }

  /** @returns {HTMLElement} */
  get #note() { return this.#controller.form.element('feedback-draft') }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#keep(), PAUSE)
  }

  #rest() {
    clearTimeout(this.#timer)
    this.#timer = 0
  }

  #keep() {
    if (!this.#timer) return
    const {fields} = this.#controller
    if (!fields.text && !fields.thumb) return this.drop()
    this.#rest()
    this.#write({text: fields.area?.value ?? '', thumb: fields.thumb})
  }

  /** @param {{text: string, thumb: string}} [draft] nothing: there is none any more */
  #write(draft) {
    if (this.#kept) this.#kept.draft = draft
    else this.#coming.then(kept => kept.draft = draft)
  }

  #clear() {
    const {fields} = this.#controller
    if (fields.area) fields.area.value = ''
    fields.thumb = ''
    this.drop()
    fields.refresh()
    fields.area?.focus()
  }
}
