// @ts-check
/** Everything that works on one form, and on each other through it. Loaded when somebody begins to use the form. */
import {Draft} from './draft.js'
import {Faults} from './faults.js'
import {Fields} from './fields.js'
import {Files} from './files.js'
import {Sending} from './sending.js'
import {Words} from './words.js'
/** @import {FeedbackForm} from './feedback-form.js' */

export class Desk {
  #isDirty = false

  /** @param {FeedbackForm} form */
  constructor(form) {
    this.form = form
    this.words = new Words(JSON.parse(form.dataset.words ?? '{}'))
    this.faults = new Faults(this)
    this.fields = new Fields(this)
    this.files = new Files(this)
    this.draft = new Draft(this)
    this.sending = new Sending(this)
    this.draft.restore()
    this.fields.refresh()
    this.files.takeInput()
  }

  /** @param {AbortSignal} signal ends with the element */
  listen(signal) {
    this.fields.listen(signal)
    this.draft.listen(signal)
    this.sending.listen(signal)
  }

  /** Is there anything said at all? */
  get isEmpty() {
    return !this.fields.text && !this.fields.thumb && !this.files.count
  }

  /** Something has been put in or taken out. */
  changed() {
    if (!this.isEmpty) this.faults.clear('empty')
    if (!this.isEmpty && !this.#isDirty) this.form.tell('dirty')
    this.#isDirty = !this.isEmpty
  }

  /** Says something aloud. A pause makes the same words heard once more. @param {string} text */
  say(text) {
    const status = this.form.piece('feedback-status')
    status.textContent = ''
    setTimeout(() => { status.textContent = text }, 50)
  }
}
