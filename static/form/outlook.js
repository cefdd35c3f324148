// @ts-check
/** What is seen at the form's end while it is sent: progress in place of the buttons, and a note above them. */
/** @import {Desk} from './desk.js' */

const ALOUD = [.25, .5, .75]

/** @typedef {{kind: 'quiet' | 'patience' | 'danger', icon: string, title: string, text: string}} Note */

export class Outlook {
  #desk
  #copyWords
  #told = 0
  #wasReadOnly = false

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk
    this.#progress.tabIndex = -1
    /** @type {HTMLButtonElement} */
    this.send = desk.form.piece('feedback-send')
    /** @type {HTMLButtonElement} */
    this.cancel = desk.form.piece('feedback-cancel')
    /** @type {HTMLButtonElement} */
    this.copy = desk.form.piece('feedback-copy')
    this.#copyWords = this.copy.textContent
  }

  /** @returns {HTMLElement} */
  get #progress() { return this.#desk.form.piece('feedback-progress') }

  /** The form rests while it is sent: what was typed stays to be read. @param {boolean} isSending */
  rest(isSending) {
    const {form, email} = this.#desk.form
    const {area} = this.#desk.fields
    const hadFocus = form.contains(document.activeElement) && document.activeElement !== document.body
    form.dataset.state = isSending ? 'sending' : ''
    if (area) area.readOnly = isSending
    if (isSending) this.#wasReadOnly = email.readOnly
    email.readOnly = isSending || this.#wasReadOnly
    for (const box of form.querySelectorAll('[type=radio], [type=checkbox]')) /** @type {HTMLInputElement} */ (box).disabled = isSending
    this.#progress.hidden = !isSending
    this.#desk.form.piece('feedback-buttons').hidden = isSending
    this.#told = 0
    if (hadFocus) (isSending ? this.cancel : this.send).focus()
  }

  /** @param {string} title @param {string} [text] @param {number} [value] 0 to 1, or -1 for no bar */
  progress(title, text = '', value) {
    const {form} = this.#desk
    const bar = this.#progress.querySelector('progress')
    const heading = form.piece('feedback-progress-title')
    if (heading.textContent !== title || this.#progress.hidden) this.#desk.say(title)
    heading.textContent = title
    form.piece('feedback-progress-text').textContent = text
    if (!bar || value === undefined) return
    bar.hidden = value < 0
    bar.value = Math.max(0, value)
  }

  /** Progress by bytes. @param {number} sent @param {number} total */
  bytes(sent, total) {
    const {words} = this.#desk
    this.progress(words.say('sending'), words.amount(sent, total), sent / total)
    const step = ALOUD.findLast(step => sent / total >= step) ?? 0
    if (step > this.#told) this.#desk.say(words.say('sending.percent', {percent: this.#told = step}))
  }

  /** @param {boolean} isOffered */
  offerCancel(isOffered) {
    if (!isOffered && document.activeElement === this.cancel) this.#progress.focus()
    this.cancel.hidden = !isOffered
  }

  /** One note at a time. @param {Note} [note] */
  note(note) {
    const {form} = this.#desk
    const place = form.piece('feedback-notes')
    place.replaceChildren()
    this.copy.hidden = true
    this.copy.textContent = this.#copyWords
    if (!note) return
    const element = form.piece('feedback-note-template').content.firstElementChild.cloneNode(true)
    element.dataset.kind = note.kind
    element.querySelector('use').setAttribute('href', `#icon-${note.icon}`)
    element.querySelector('.feedback-note-title').textContent = note.title
    element.querySelector('.feedback-note-text').textContent = note.text
    place.append(element)
    this.#desk.say(note.text ? `${note.title}. ${note.text}` : note.title)
  }

  /** Changes the words of the note that is there, without saying them once more. @param {string} text */
  count(text) {
    const place = this.#desk.form.piece('feedback-notes').querySelector('.feedback-note-text')
    if (place) place.textContent = text
  }

  /** @param {string} text @param {boolean} [isWaiting] */
  button(text, isWaiting = false) {
    this.send.textContent = text
    this.send.toggleAttribute('aria-disabled', isWaiting)
    if (isWaiting) this.send.ariaDisabled = 'true'
  }
}
