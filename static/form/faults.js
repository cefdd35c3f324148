// @ts-check
/** What is to be put right: beside each field, and in the summary that takes the focus. Gone as soon as it is mended. */
/** @import {FormController} from './form-controller.js' */

/**
 * @typedef {object} Fault
 * @property {string} field its name; empty where all of the form is meant
 * @property {string} code
 * @property {string} message whole sentences, fit to show
 * @property {number} [position] which of the files that were sent
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
    if (!fault.row) this.#mark(key, fault.message)
    this.#fillSummary()
  }

  /** @param {string} key */
  clear(key) {
    if (!this.#shown.delete(key)) return
    this.#mark(key, '')
    this.#fillSummary()
  }

  clearAll() {
    for (const key of [...this.#shown.keys()]) this.clear(key)
  }

  /** All of them at once, with the summary. @param {Fault[]} faults */
  show(faults) {
    this.clearAll()
    for (const fault of faults) this.set(fault)
    this.#summary.hidden = !faults.length
    this.#fillSummary()
    this.#summary.focus()
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
    const {form, words} = this.#controller
    const {content} = form.element('feedback-fault-template')
    const lines = [...this.#shown.values()].map(fault => {
      const line = content.cloneNode(true)
      const [link, text] = [line.querySelector('a'), line.querySelector('span')]
      const label = fault.label ?? this.#label(fault.field)
      const first = ['sentimentRating', 'description'].find(name => form.element(name)) ?? 'files'
      const target = fault.row ?? (fault.field || first)
      link.href = `#${target}`
      link.textContent = label || fault.message
      text.textContent = label ? fault.message : ''
      link.addEventListener('click', (/** @type {Event} */ event) => this.#go(event, target))
      return line
    })
    form.element('feedback-summary-title').textContent = words.say('summary', {n: lines.length})
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
    if (field === 'files') return form.element('feedback-files').ariaLabel
    const place = form.element(field)
    const label = place?.querySelector?.('legend') ?? place?.labels?.[0]
    return label?.innerText.trim() ?? ''
  }

  /** @param {Event} event @param {string} id */
  #go(event, id) {
    event.preventDefault()
    const place = this.#controller.form.element(id)
    const field = place?.matches('input, textarea') ? place : place?.querySelector('input:checked, input, button')
    field?.focus()
    place?.scrollIntoView({block: 'nearest'})
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
