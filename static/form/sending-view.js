// @ts-check
/** The end of the form while it is sent: progress in place of the buttons, and a note above them. */
import {receiptOf} from './words.js'
/** @import {FormController} from './form-controller.js' */

const ALOUD = [.25, .5, .75]
const ROOM = 100 // milliseconds in which a page that frames the form makes room for what has appeared

/** @typedef {{kind: 'quiet' | 'patience' | 'danger', icon: string, title: string, text: string}} Note */

export class SendingView {
  #controller
  #copyWords
  #announced = 0
  #wasReadOnly = false

  /** @param {FormController} controller */
  constructor(controller) {
    this.#controller = controller
    this.#progress.tabIndex = -1
    this.#progress.setAttribute('role', 'group') // with a name, or all of it would be read as one when it takes the focus
    this.#progress.setAttribute('aria-labelledby', 'feedback-progress-title')
    /** @type {HTMLButtonElement} */
    this.send = controller.form.element('feedback-send')
    /** @type {HTMLButtonElement} */
    this.cancel = controller.form.element('feedback-cancel')
    /** @type {HTMLButtonElement} */
    this.copy = controller.form.element('feedback-copy')
    this.#copyWords = this.copy.textContent
  }

  /** @returns {HTMLElement} */
  get #progress() { return this.#controller.form.element('feedback-progress') }

  /** Makes the form read-only while it is sent. @param {boolean} isSending */
  rest(isSending) {
    const {form, email} = this.#controller.form
    const {area} = this.#controller.fields
    const hadFocus = form.contains(document.activeElement) && document.activeElement !== document.body
    form.dataset.state = isSending ? 'sending' : ''
    if (area) area.readOnly = isSending
    if (isSending) this.#wasReadOnly = email.readOnly
    email.readOnly = isSending || this.#wasReadOnly
    for (const box of form.querySelectorAll('[type=radio], [type=checkbox]')) /** @type {HTMLInputElement} */ (box).disabled = isSending
    this.#progress.hidden = !isSending
    this.#controller.title()
    this.#controller.form.element('feedback-buttons').hidden = isSending
    this.#announced = 0
    if (hadFocus) (isSending ? this.#progress : this.send).focus() // on Cancel, an Enter that is held would press it
  }

  /** @param {string} title @param {string} [text] @param {number} [value] 0 to 1, or -1 for no bar */
  progress(title, text = '', value) {
    const {form} = this.#controller
    const bar = this.#progress.querySelector('progress')
    const heading = form.element('feedback-progress-title')
    if (heading.textContent !== title || this.#progress.hidden) this.#controller.say(title)
    heading.textContent = title
    this.#controller.title(title)
    form.element('feedback-progress-text').textContent = text
    if (!bar || value === undefined) return
    bar.hidden = value < 0
    bar.value = Math.max(0, value)
  }

  /** Progress by bytes. @param {number} sent @param {number} total */
  bytes(sent, total) {
    const {words} = this.#controller
    this.progress(words.say('sending'), words.amount(sent, total), sent / total)
    const step = ALOUD.filter(step => sent / total >= step).pop() ?? 0
    if (step > this.#announced) this.#controller.say(words.say('sending.percent', {percent: this.#announced = step}))
  }

  /** @param {boolean} isOffered */
  offerCancel(isOffered) {
    if (!isOffered && document.activeElement === this.cancel) this.#progress.focus()
    this.cancel.hidden = !isOffered
  }

  /** Shows one note at a time. @param {Note} [note] */
  note(note) {
    const {form} = this.#controller
    const place = form.element('feedback-notes')
    place.replaceChildren()
    this.copy.hidden = true
    this.copy.textContent = this.#copyWords
    if (!note) return
    const element = form.element('feedback-note-template').content.firstElementChild.cloneNode(true)
    element.dataset.kind = note.kind
    element.querySelector('use').setAttribute('href', `#icon-${note.icon}`)
    element.querySelector('.feedback-note-title').textContent = note.title
    element.querySelector('.feedback-note-text').textContent = note.text
    place.append(element)
    setTimeout(() => place.parentElement.scrollIntoView({block: 'nearest'}), ROOM) // it may have pushed the button out of view
    this.#controller.title(note.title)
    this.#controller.say(note.text ? `${note.title}. ${note.text}` : note.title)
  }

  /** Adds the receipt of what was sent before to the current note. @param {string} url */
  receipt(url) {
    const {form} = this.#controller
    const link = form.element('feedback-thanks-template').content.querySelector('[data-fill=receipt]')?.cloneNode(true)
    if (!link) return
    link.href = receiptOf(url)
    form.element('feedback-notes').querySelector('.feedback-note-text').append(' ', link)
  }

  /** Changes the text of the current note without announcing it again. @param {string} text */
  count(text) {
    const place = this.#controller.form.element('feedback-notes').querySelector('.feedback-note-text')
    if (place) place.textContent = text
  }

  /** @param {string} text @param {boolean} [isWaiting] */
  button(text, isWaiting = false) {
    this.send.textContent = text
    if (isWaiting) this.send.setAttribute('aria-disabled', 'true')
    else this.send.removeAttribute('aria-disabled')
  }
}
