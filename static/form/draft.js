// @ts-check
/** Keeps text, thumb, chips and files for their owner until they are sent or discarded; never the address. */
import {marksOf} from './files.js'
import {openChannel} from './kept.js'
import {printed, StoredDraft} from './stored-draft.js'
/** @import {FormController} from './form-controller.js' */
/** @import {KeptFile} from './draft-files.js' */
/** @import {Draft as Entry, Kept, Said} from './kept.js' */

const PAUSE = 300 // milliseconds without typing after which it is saved

export class Draft {
  #controller
  #stored
  #timer = 0
  /** @type {Promise<void> | undefined} */
  #restoring
  /** Whether what was stored is in the form. Until then nothing may take its place. */
  #isReady = false
  #isBringing = false
  /** What was restored. */
  #restored = ''
  /** Resolves once the files of a restored draft are among the form's. */
  brought = Promise.resolve()
  /** Whether the form holds what only the draft had. */
  isRestored = false

  /** @param {FormController} controller */
  constructor(controller) {
    this.#controller = controller
    this.#stored = new StoredDraft(controller)
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const {form} = this.#controller
    for (const type of ['input', 'change']) form.form.addEventListener(type, () => this.#soon(), {signal})
    addEventListener('pagehide', () => this.#keep(true), {signal})
    form.element('feedback-draft-clear').addEventListener('click', () => this.#clear(), {signal})
    this.#soon() // input from before this was loaded
    const channel = openChannel()
    if (!channel) return
    channel.onmessage = ({data}) => data.product ? this.#forgottenElsewhere(data) : data.files ? this.#stored.leaveFiles(data) : this.#goneElsewhere(data)
    signal.addEventListener('abort', () => channel.close())
  }

  /** Restores the draft around what the person has done meanwhile. The text does not wait for the files. */
  restore() {
    return this.#restoring ??= this.#restore()
  }

  async #restore() {
    const {owner} = this.#stored
    const kept = await owner
    await this.#controller.fields.still
    const {draft} = kept
    const {form, files, isLeft} = this.#controller
    if (isLeft || owner !== this.#stored.owner) return
    if (draft && form.isOpen) this.#bring(kept, draft)
    this.#isReady = true
    this.#soon()
    if (files.count) this.filesChanged()
  }

  /** @param {Kept} kept @param {Entry} draft */
  #bring(kept, draft) {
    this.#stored.take(kept, draft)
    this.#restored = marked(draft, marksOf([]))
    if (this.#controller.fields.restore(draft)) this.#show()
    if (!draft.files) return
    this.#isBringing = true
    this.brought = this.#stored.takeFiles(list => this.#bringFiles(draft, list)).finally(() => { this.#isBringing = false })
  }

  /** @param {Said} draft @param {KeptFile[]} list */
  #bringFiles(draft, list) {
    const {files, words} = this.#controller
    this.#restored = marked(draft, marksOf(list))
    const missing = list.filter(({file}) => !files.has(file))
    if (!missing.length) return
    this.#title.textContent = words.say('draft.files')
    this.#show()
    files.add(missing)
  }

  /** It is announced once somebody is here: the frame of a popover loads before that is opened. */
  #show() {
    this.isRestored = true
    this.#note.hidden = false
    const tell = () => this.#note.hidden || this.#controller.say(this.#title.textContent ?? '')
    if (document.hasFocus()) tell()
    else addEventListener('focus', tell, {once: true})
  }

  /** The ready files have changed. */
  filesChanged() {
    this.#soon()
    if (this.#isReady) this.#stored.keepFiles()
  }

  /** Resolves once its files are read and written. */
  get settled() { return this.#stored.settled }

  /** It is being sent with a token. @param {string} token empty: it has not arrived */
  tried(token) {
    if (!this.#stored.tried(token)) return
    this.#soon()
    this.#keep()
  }

  /** It has been sent: no other tab may offer it. */
  sent() {
    this.#stored.tell()
    this.drop()
  }

  /** It has been sent or discarded. */
  drop() {
    this.#rest()
    this.#note.hidden = true
    this.isRestored = false
    this.#stored.drop()
  }

  /** As it was kept last, it is of no more use. Another person may see the form by now. */
  forget() {
    this.#stored.forget()
  }

  /** Its owner became known after it was begun. @param {Promise<Kept>} coming */
  moveTo(coming) {
    this.#stored.moveTo(coming)
    this.#isReady = false
    this.#restoring = undefined
    this.#soon()
    this.restore()
  }

  /** Its owner leaves. */
  leave() {
    this.#keep(true)
    this.#note.hidden = true
  }

  /** @returns {HTMLElement} */
  get #note() { return this.#controller.form.element('feedback-draft') }
  get #title() { return /** @type {HTMLElement} */ (this.#note.querySelector('.feedback-note-title')) }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#keep(), PAUSE)
  }

  #rest() {
    clearTimeout(this.#timer)
    this.#timer = 0
  }

  /** @param {boolean} [isLast] whether there is no more time to wait for what was stored */
  #keep(isLast = false) {
    if (!this.#timer || !this.#isReady && !isLast) return
    const {fields, isEmpty} = this.#controller
    if (isEmpty) return this.#isBringing ? undefined : this.drop()
    this.#rest()
    this.#stored.keep(fields.draft, isLast)
  }

  /** A draft was sent or cleared in another tab. What was written here since is another one.
   * @param {{owner?: string, id?: string}} gone */
  #goneElsewhere(gone) {
    const {fields, files, form} = this.#controller
    if (form.isOpen && this.#stored.is(gone) && marked(fields.draft, files.marks) === this.#restored) this.#empty()
  }

  /** The person has signed out in another tab, which does not know them if its form was never opened.
   * @param {{product: string, address: string}} person */
  #forgottenElsewhere({product, address}) {
    const {form, address: own} = this.#controller
    if (product !== form.product || !own || address && address !== own) return
    if (form.isOpen) this.#empty()
    else this.drop()
  }

  #clear() {
    const {fields, form} = this.#controller
    this.#stored.tell()
    this.#empty()
    const place = fields.area ?? fields.radios[0] ?? form.email
    place.focus()
  }

  #empty() {
    const {fields, files} = this.#controller
    files.clear()
    fields.fill()
    this.drop()
  }
}

/** What was said, and the marks of its files. @param {Said} said @param {string} marks */
function marked(said, marks) {
  return `${printed(said)} ${marks}`
}
