// @ts-check
/** Everything that works on one form for one person, and on each other through it. Loaded when somebody begins to use the
 * form, as rest.js, which `make loader` builds from this file and what it imports. When another person comes, this one is left,
 * and another controller takes its place. */
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
 * @fires feedback-dirty there is something now that would be lost
 * @fires feedback-submit (cancelable) the form is about to be sent
 * @fires feedback-success (detail: {receipt, status}) it has been taken
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
    /** Whose controller this is; empty: that of somebody without an address. */
    this.address = form.address
    this.words = new Words(JSON.parse(form.dataset.words ?? '{}'))
    this.faults = new Faults(this)
    this.fields = new Fields(this)
    this.files = new Files(this)
    this.draft = new Draft(this)
    this.sending = new Sending(this)
    this.fields.refresh()
    this.files.takeInput()
    this.draft.restore()
  }

  /** @param {AbortSignal} signal ends with the element */
  listen(signal) {
    const either = new AbortController() // AbortSignal.any is younger than Chrome 109
    for (const end of [signal, this.#left.signal]) end.addEventListener('abort', () => either.abort())
    for (const part of [this.fields, this.draft, this.sending]) part.listen(either.signal)
    this.#hint(either.signal)
  }

  /** What looks private is pointed out, from the first letter on. @param {AbortSignal} signal */
  #hint(signal) {
    const {area} = this.fields
    if (!area || this.form.getAttribute('hints') === 'off' || !canLookBehind()) return
    import('../editor/hints.js').then(({Hints}) => { if (!signal.aborted) this.#hints = new Hints(this, area, signal) }).catch(() => undefined)
  }

  get isLeft() { return this.#left.signal.aborted }

  /** The person goes: what is kept stays kept, what is being sent goes on unseen, and nothing of it is shown any more. */
  leave() {
    this.draft.leave()
    this.sending.leave()
    this.files.leave()
    this.faults.clearAll()
    this.#left.abort()
    this.form.element('feedback-status').textContent = ''
    document.title = TITLE
  }

  /** Is there anything said at all? */
  get isEmpty() {
    return !this.fields.text && !this.fields.thumb && !this.files.count
  }

  /** Something has been put in or taken out. */
  changed() {
    if (this.isLeft) return
    this.#hints?.changed()
    if (!this.isEmpty) this.faults.clear('empty')
    if (!this.isEmpty && !this.#isDirty) this.form.tell('dirty')
    this.#isDirty = !this.isEmpty
  }

  /** The page's title, with what has happened in front. @param {string} [state] */
  title(state) {
    if (!this.isLeft) document.title = state ? `${state} · ${TITLE}` : TITLE
  }

  /** Says something aloud. A pause makes the same words heard once more. @param {string} text */
  say(text) {
    if (this.isLeft) return
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
