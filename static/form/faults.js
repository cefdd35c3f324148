// @ts-check
/** Errors beside each field. A single error takes the focus to its field; several are listed in a summary. Each disappears
 * as soon as it is fixed. */
/** @import {FormController} from './form-controller.js' */

/**
 * @typedef {object} Fault
 * @property {string} field its name; empty for the form as a whole
 * @property {string} code
 * @property {string} message whole sentences, fit to show
 * @property {number} [position] the index of a sent file
 * @property {string} [row] the id of a file's row, which shows the message itself
 * @property {string} [label] the file's name
 */

export class Faults {
  #controller
  /** @type {Map<string, Fault>} by row, field or code */
  #shown = new Map()

  /** @param {FormController} controller */
  constructor(controller) {
    this.#controller = controller
    this.#adopt()
  }

  /** @param {string} key */
  get(key) {
    return this.#shown.get(key)
  }

  /** Beside the field alone. @param {Fault} fault */
  set(fault) {
    const key = fault.row ?? (fault.field || fault.code)
    this.#shown.set(key, fault)
    if (!fault.row) this.#mark(fault.field || this.#first, fault.message)
    this.#fillSummary()
  }

  /** Beside the field, and announced: whoever has left the field does not hear it there. @param {Fault} fault */
  tell(fault) {
    if (this.get(fault.field)?.message === fault.message) return
    this.set(fault)
    this.#controller.say(fault.message)
  }

  /** @param {string} key */
  clear(key) {
    const fault = this.#shown.get(key)
    if (!fault) return
    this.#shown.delete(key)
    if (!fault.row) this.#mark(fault.field || this.#first, '')
    this.#fillSummary()
    if (!this.#shown.size) this.#controller.title()
  }

  clearAll() {
    for (const key of [...this.#shown.keys()]) this.clear(key)
  }

  /** All of them at once. @param {Fault[]} faults one or more */
  show(faults) {
    this.clearAll()
    for (const fault of faults) this.set(fault)
    this.#summary.hidden = faults.length < 2
    this.#fillSummary()
    if (faults.length < 2) this.#go(this.#target(faults[0]))
    else this.#summary.focus()
    this.#controller.title(this.#heading(faults.length))
  }

  /** The first field that can show its error. */
  get #first() {
    return ['sentimentRating', 'description'].find(name => this.#controller.form.element(name)) ?? 'files'
  }

  /** The id of what a fault is about. @param {Fault} fault */
  #target({row, field}) {
    return row ?? (field || this.#first)
  }

  /** @param {number} n how many faults there are */
  #heading(n) {
    return this.#controller.words.say('summary', {n})
  }

  /** @returns {HTMLElement} */
  get #summary() { return this.#controller.form.element('feedback-summary') }

  /** @param {string} key @param {string} message empty: nothing is wrong any more */
  #mark(key, message) {
    const {form} = this.#controller
    const error = form.element(`${key}-error`)
    if (!error) return
    error.hidden = !message
    error.querySelector('span').textContent = message
    if (message) form.element(key)?.setAttribute('aria-invalid', 'true')
    else form.element(key)?.removeAttribute('aria-invalid')
  }

  #fillSummary() {
    const summary = this.#summary
    if (summary.hidden) return
    const {form} = this.#controller
    const {content} = form.element('feedback-fault-template')
    const lines = [...this.#shown.values()].map(fault => {
      const line = content.cloneNode(true)
      const [link, text] = [line.querySelector('a'), line.querySelector('span')]
      const label = fault.label ?? this.#label(fault.field)
      const target = this.#target(fault)
      link.href = `#${target}`
      link.textContent = label || fault.message
      text.textContent = label ? fault.message : ''
      link.addEventListener('click', (/** @type {Event} */ event) => {
        event.preventDefault()
        this.#go(target)
      })
      return line
    })
    form.element('feedback-summary-title').textContent = this.#heading(lines.length)
    summary.querySelector('ul')?.replaceChildren(...lines)
    if (lines.length) return
    const isLeft = summary.contains(document.activeElement)
    summary.hidden = true
    if (isLeft) form.element('feedback-send').focus()
  }

  /** @param {string} field @returns {string} */
  #label(field) {
    const {form} = this.#controller
    if (!field) return ''
    if (field === 'files') return form.element('feedback-files').getAttribute('aria-label')
    const place = form.element(field)
    const label = place?.querySelector?.('legend') ?? place?.labels?.[0]
    return label?.innerText.trim() ?? ''
  }

  /** To a field, the first of its choices, or a file's remove button. Once there are too many files the input is disabled:
   * then to the last file. @param {string} id */
  #go(id) {
    const {form} = this.#controller
    const place = form.element(id)
    const field = place?.matches('input, textarea') ? place : place?.querySelector('input:checked, input, .feedback-remove')
    const target = field?.disabled ? form.element('feedback-files').lastElementChild.querySelector('.feedback-remove') : field
    target?.focus()
    target?.closest('.feedback-field, .feedback-file')?.scrollIntoView({block: 'nearest'})
  }

  /** The faults that the page came with, when it was sent without script before. */
  #adopt() {
    for (const link of this.#summary.querySelectorAll('a')) {
      const field = link.hash.slice(1).replace(/^sentimentRating-.*/, 'sentimentRating')
      const message = link.parentElement?.querySelector('span')?.textContent ?? ''
      const key = message ? field : 'empty'
      this.#shown.set(key, {field: message ? field : '', code: message ? '' : 'empty', message: message || (link.textContent ?? '')})
    }
  }
}
