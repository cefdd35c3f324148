// @ts-check
/** Thumbs, chips, text and e-mail: what they hold, how they behave, and what is wrong with them. */
/** @import {FormController} from './form-controller.js' */
/** @import {Fault} from './faults.js' */
/** @import {Said} from './kept.js' */

import {foldAddress, MAX_EMAIL, plainText, readAddress} from './plain.js'

const NEAR = 100 // characters left, from which they are counted down
const ALOUD = [100, 50, 20, 10, 0]
const LINES = 12
const LONG = 2000 // milliseconds: nothing waits longer for the end of a press, which may never be told

export class Fields {
  #controller
  /** The chips of each thumb. @type {HTMLFieldSetElement[]} */
  #groups
  #thumb = ''
  #left = Infinity
  /** Ends the wait for the end of a press. */
  #release = () => {}
  /** Resolves once nothing is pressed: what appears during a press could move the pressed element away. @type {Promise<void>} */
  still = Promise.resolve()

  /** @param {FormController} controller */
  constructor(controller) {
    this.#controller = controller
    /** @type {HTMLTextAreaElement | null} */
    this.area = controller.form.element('description')
    this.#groups = [...controller.form.form.querySelectorAll('[data-thumb]')].filter(group => group instanceof HTMLFieldSetElement)
    /** @type {HTMLInputElement[]} */
    this.radios = [...controller.form.form.querySelectorAll('[name=sentimentRating]')].filter(radio => radio instanceof HTMLInputElement)
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const {form} = this.#controller.form
    for (const type of ['keydown', 'input', 'change', 'focusout']) form.addEventListener(type, this, {signal})
    for (const radio of this.radios) radio.addEventListener('click', this, {signal}) // on the form, all of its text would be read as "clickable"
    for (const type of ['pointerdown', 'pointerup', 'pointercancel']) addEventListener(type, this, {signal})
    this.#remember() // what was ticked before this script loaded
    if (document.querySelector(':active')) this.#press() // as well
  }

  /** The text; empty if it is blank. */
  get text() {
    return plainText(this.area?.value ?? '')
  }

  get thumb() {
    return this.radios.find(radio => radio.checked)?.value ?? ''
  }

  set thumb(value) {
    for (const radio of this.radios) radio.checked = radio.value === value
  }

  /** The ticked chips of the chosen thumb. */
  get chips() {
    return this.#groups.filter(({disabled}) => !disabled).flatMap(boxesOf).filter(({checked}) => checked).map(({value}) => value)
  }

  /** The description that is sent: the chips, then the text. `with_chips` of `widget/submissions/model.py` is the same. */
  get said() {
    return [this.chips.join(' · '), this.text].filter(Boolean).join('\n\n')
  }

  /** What a draft keeps. @returns {Said} */
  get draft() {
    return {text: this.area?.value ?? '', thumb: this.thumb, chips: this.chips}
  }

  /** Puts a draft around what the person has done meanwhile, so that nothing of either is lost.
   * @param {Said} draft @returns {boolean} whether the form lacked any of it */
  restore({text, thumb, chips}) {
    const before = JSON.stringify(this.draft)
    if (this.area && !this.area.value.startsWith(text)) putBefore(this.area, text)
    this.thumb ||= thumb
    this.#offerChips()
    if (this.thumb === thumb && !this.chips.length) this.#tick(chips)
    this.refresh()
    return JSON.stringify(this.draft) !== before
  }

  /** Fills all fields; without a draft, empties them. @param {Partial<Said>} [draft] */
  fill({text = '', thumb = '', chips = []} = {}) {
    if (this.area) this.area.value = text
    this.thumb = thumb
    this.#offerChips()
    this.#tick(chips)
    this.refresh()
  }

  /** @param {string[]} chips */
  #tick(chips) {
    for (const group of this.#groups) for (const box of boxesOf(group)) box.checked = !group.disabled && chips.includes(box.value)
  }

  /** The fields have changed. */
  refresh() {
    this.#thumb = this.thumb
    this.#offerChips()
    this.#count()
    this.#grow()
    this.#controller.changed()
  }

  /** Hidden chips are not sent. */
  #offerChips() {
    for (const group of this.#groups) group.hidden = group.disabled = group.dataset.thumb !== this.thumb
  }

  /** @returns {Fault[]} */
  check() {
    return [this.#checkThumb(), this.#checkText(), this.#checkEmail()].filter(fault => fault !== undefined)
  }

  /** @param {Event} event */
  handleEvent(event) {
    const {type, target} = event
    const {email} = this.#controller.form
    const radio = this.radios.find(radio => radio === target)
    if (type === 'change') this.#remember()
    if (type === 'pointerdown') this.#press()
    else if (type.startsWith('pointer')) setTimeout(this.#release) // after its click
    else if (type === 'input' || type === 'change') this.#changed(target)
    else if (type === 'focusout' && target === email) this.#leaveEmail()
    else if (type === 'click' && radio?.value === this.#thumb) this.#undo()
    else if (type === 'keydown' && radio?.checked && /** @type {KeyboardEvent} */ (event).key === ' ') this.#undo(event)
  }

  /** A second press on the chosen thumb. @param {Event} [event] */
  #undo(event) {
    event?.preventDefault()
    const radio = this.radios.find(radio => radio.checked)
    this.thumb = ''
    radio?.dispatchEvent(new Event('change', {bubbles: true}))
  }

  /** @param {EventTarget | null} field */
  #changed(field) {
    const {faults, form} = this.#controller
    if (field === form.email) this.#recheck('submittedByEmail', this.#checkEmail())
    else if (field instanceof HTMLInputElement && field !== form.input) faults.clear(field.name)
    this.refresh()
  }

  /** A corrected field loses its error. A half-typed one does not get one yet.
   * @param {string} field @param {Fault | undefined} fault */
  #recheck(field, fault) {
    const {faults} = this.#controller
    if (!fault || fault.code !== faults.get(field)?.code) faults.clear(field)
  }

  /** An error and a suggestion wait until no press can miss because of them. */
  #leaveEmail() {
    const {email} = this.#controller.form
    const still = new Promise(done => setTimeout(done)).then(() => this.still)
    still.then(() => this.#complain())
    if (email.value) Promise.all([import('./email-hint.js'), still]).then(([{suggest}]) => this.#controller.isLeft || suggest(this.#controller)).catch(() => undefined)
  }

  /** Keeps or forgets the address, if the person has chosen. */
  #remember() {
    const {form} = this.#controller
    if (form.remember?.checked || form.remember?.defaultChecked) import('./remember.js').then(({keep}) => keep(form)).catch(() => undefined)
  }

  #press() {
    this.#release()
    this.still = new Promise(done => {
      this.#release = done
      setTimeout(done, LONG)
    })
  }

  #complain() {
    const fault = this.#checkEmail()
    const {isLeft, form, faults} = this.#controller
    if (fault && fault.code !== 'required' && !isLeft && form.isOpen) faults.tell(fault)
  }

  /** @returns {Fault | undefined} */
  #checkEmail() {
    const {value} = this.#controller.form.email
    const folded = foldAddress(value)
    if (!folded) return this.#fault('submittedByEmail', 'required')
    if ([...folded].length > MAX_EMAIL) return this.#fault('submittedByEmail', 'too_long')
    return readAddress(value) ? undefined : this.#fault('submittedByEmail', 'invalid')
  }

  /** @returns {Fault | undefined} */
  #checkThumb() {
    if (this.radios[0]?.required && !this.thumb) return this.#fault('sentimentRating', 'required')
  }

  /** @returns {Fault | undefined} */
  #checkText() {
    if (this.area?.required && !this.text) return this.#fault('description', 'required')
    return this.#checkLength()
  }

  /** @returns {Fault | undefined} */
  #checkLength() {
    if (this.said.length > this.#controller.form.maxLength) return this.#fault('description', 'too_long')
  }

  /** @param {string} field @param {string} code @returns {Fault} */
  #fault(field, code) {
    const key = field === 'submittedByEmail' || code === 'required' ? `error.${code}.${field}` : `error.${code}`
    return {field, code, message: this.#controller.words.say(key)}
  }

  #count() {
    const {form, words, faults} = this.#controller
    const counter = form.element('description-counter')
    if (!counter) return
    const left = form.maxLength - this.said.length
    const text = left > NEAR ? '' : left < 0 ? words.say('text.over', {n: -left}) : words.say('text.left', {n: left})
    counter.hidden = !text
    counter.toggleAttribute('data-over', left < 0)
    counter.textContent = text
    if (left >= 0 && left < this.#left && ALOUD.some(step => left <= step && this.#left > step)) this.#controller.say(text)
    this.#left = left
    const fault = this.#checkLength()
    if (!fault && (this.text || faults.get('description')?.code !== 'required')) faults.clear('description')
    else if (fault) faults.tell(fault)
  }

  /** Makes the field as high as its text, if CSS cannot. */
  #grow() {
    if (!this.area || CSS.supports('field-sizing: content')) return
    const {style} = this.area
    style.height = 'auto'
    style.height = `min(${this.area.scrollHeight + 2}px, ${LINES + 2}lh)`
  }
}

/** The caret stays where somebody is writing. @param {HTMLTextAreaElement} area @param {string} text */
function putBefore(area, text) {
  const {value, selectionStart, selectionEnd} = area
  if (!value.trim() || text.startsWith(value)) {
    area.value = text
    return
  }
  area.value = `${text}\n\n${value}`
  const before = area.value.length - value.length
  if (document.activeElement === area) area.setSelectionRange(before + selectionStart, before + selectionEnd)
}

/** @param {HTMLFieldSetElement} group */
function boxesOf({elements}) {
  return [...elements].filter(box => box instanceof HTMLInputElement)
}
