// @ts-check
/** Keeps text and thumb in this browser until they are sent or thrown away; never the address, never a file. */
/** @import {Desk} from './desk.js' */

const KEPT = 30 * 24 * 3600 * 1000 // milliseconds
const PAUSE = 300 // milliseconds without a key, after which it is written

export class Draft {
  #desk
  #timer = 0

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const {form} = this.#desk
    for (const type of ['input', 'change']) form.form.addEventListener(type, () => this.#soon(), {signal})
    addEventListener('pagehide', () => this.#keep(), {signal})
    form.piece('feedback-draft-clear').addEventListener('click', () => this.#clear(), {signal})
    this.#soon() // what was put in before this was loaded
  }

  /** Gives back what was kept, unless the page holds something already. */
  restore() {
    const {form, fields} = this.#desk
    const {text = '', thumb = '', at = 0} = read(form.draftKey)
    if (Date.now() - at > KEPT) write(form.draftKey, null)
    else if (this.#desk.isEmpty && (text || thumb)) {
      if (fields.area) fields.area.value = text
      fields.thumb = thumb
      this.#note.hidden = false
    }
  }

  /** It has been sent or thrown away. */
  drop() {
    clearTimeout(this.#timer)
    this.#timer = 0
    this.#note.hidden = true
    write(this.#desk.form.draftKey, null)
  }

  /** @returns {HTMLElement} */
  get #note() { return this.#desk.form.piece('feedback-draft') }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#keep(), PAUSE)
  }

  #keep() {
    if (!this.#timer) return
    const {form, fields} = this.#desk
    if (fields.text || fields.thumb) write(form.draftKey, {text: fields.area?.value ?? '', thumb: fields.thumb, at: Date.now()})
    else this.drop()
    this.#timer = 0
  }

  #clear() {
    const {fields} = this.#desk
    if (fields.area) fields.area.value = ''
    fields.thumb = ''
    this.drop()
    fields.refresh()
    fields.area?.focus()
  }
}

/** @param {string} key @returns {{text?: string, thumb?: string, at?: number}} */
function read(key) {
  try {
    const {text, thumb, at} = JSON.parse(localStorage.getItem(key) ?? '{}')
    return {text: String(text ?? ''), thumb: String(thumb ?? ''), at: Number(at)}
  } catch {
    return {} // storage is blocked, or holds what is not ours
  }
}

/** @param {string} key @param {object | null} value */
function write(key, value) {
  try {
    if (value) localStorage.setItem(key, JSON.stringify(value))
    else localStorage.removeItem(key)
  } catch {
    // storage is blocked or full: the draft is a kindness, not a promise
  }
}
