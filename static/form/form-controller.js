// @ts-check
/** Connects the parts that work on one form for one person. Loaded when somebody begins to use the
 * form, as rest.js, which `make loader` builds from this file and its imports. When another person comes, a new controller
 * replaces this one. */
import {Draft} from './draft.js'
import {Faults} from './faults.js'
import {Fields} from './fields.js'
import {Files} from './files.js'
import {Sending} from './sending.js'
import {Words} from './words.js'
/** @import {FeedbackForm} from './feedback-form.js' */
/** @import {Hints} from '../editor/hints.js' */

const TITLE = document.title

/**
 * @fires feedback-dirty there is input that would be lost
 * @fires feedback-submit (cancelable) the form is about to be sent
 * @fires feedback-success (detail: {receipt, status}) it has been accepted
 * @fires feedback-error (detail: {code, retryable, reason}) it has not
 */
export class FormController {
  #isDirty = false
  /** @type {Hints | undefined} */
  #hints
  #left = new AbortController()

  /** @param {FeedbackForm} form */
  constructor(form) {
    this.form = form
    /** The person's address; empty for a person without one. */
    this.address = form.address
    this.words = new Words(JSON.parse(form.dataset.words ?? '{}'))
    this.faults = new Faults(this)
    this.fields = new Fields(this)
    this.files = new Files(this)
    this.draft = new Draft(this)
    this.sending = new Sending(this)
    this.fields.refresh()
    this.files.takeInput()
    if (form.isMet) this.draft.restore()
  }

  /** @param {AbortSignal} signal ends with the element */
  listen(signal) {
    const either = new AbortController() // AbortSignal.any is younger than Chrome 109
    for (const end of [signal, this.#left.signal]) end.addEventListener('abort', () => either.abort())
    for (const part of [this.fields, this.draft, this.sending]) part.listen(either.signal)
    this.#hint(either.signal)
  }

  /** Points out what looks private, from the first letter on. @param {AbortSignal} signal */
  #hint(signal) {
    const {area} = this.fields
    if (!area || this.form.getAttribute('hints') === 'off' || !canLookBehind()) return
    import('../editor/hints.js').then(({Hints}) => { if (!signal.aborted) this.#hints = new Hints(this, area, signal) }).catch(() => undefined)
  }

  get isLeft() { return this.#left.signal.aborted }

  /** The person leaves: the draft is kept, sending continues unseen, and nothing of it is shown any more. */
  leave() {
    this.draft.leave()
    this.sending.leave()
    this.files.leave()
    this.faults.clearAll()
    this.#left.abort()
    this.form.element('feedback-status').textContent = ''
    document.title = TITLE
  }

  /** Whether the form is empty. */
  get isEmpty() {
    return !this.fields.text && !this.fields.thumb && !this.files.count
  }

  /** The input has changed. */
  changed() {
    if (this.isLeft) return
    this.#hints?.changed()
    this.sending?.touched()
    if (!this.isEmpty) this.faults.clear('empty')
    if (!this.isEmpty && !this.#isDirty) this.form.tell('dirty')
    this.#isDirty = !this.isEmpty
  }

  /** Sets the page's title, with the state in front. @param {string} [state] */
  title(state) {
    if (!this.isLeft) document.title = state ? `${state} · ${TITLE}` : TITLE
  }

  /** Announces a text to screen readers. A pause makes them repeat the same words. @param {string} text */
  say(text) {
    if (this.isLeft) return
    this.files?.tellNow() // or it would take the place of this text
    const status = this.form.element('feedback-status')
    status.textContent = ''
    setTimeout(() => { if (!this.isLeft) status.textContent = text }, 50)
  }
}

/** Safari before 16.4 cannot parse the patterns of what looks private. */
function canLookBehind() {
  const pattern = '(?<!a)b'
  try {
    return Boolean(RegExp(pattern))
  } catch {
    return false
  }
}
