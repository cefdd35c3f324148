// @ts-check
/** Keeps text, thumb, chips and files for their owner until they are sent or discarded; never the address. */
import {CHANNEL, Kept, tellTabs} from './kept.js'
/** @import {FormController} from './form-controller.js' */

const PAUSE = 300 // milliseconds without typing after which it is saved

export class Draft {
  #controller
  #timer = 0
  /** @type {Promise<Kept>} */
  #coming
  /** Once it is known, so that a page that goes can still write. @type {Kept | undefined} */
  #kept
  /** Sets of files are written one after the other. */
  #saving = Promise.resolve()
  #isRestoring = false
  /** Whether the form holds a restored draft. */
  isRestored = false

  /** @param {FormController} controller */
  constructor(controller) {
    const {product, address, keeps} = controller.form
    this.#controller = controller
    this.#coming = Kept.of(product, address, keeps).then(kept => this.#kept = kept)
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const {form} = this.#controller
    for (const type of ['input', 'change']) form.form.addEventListener(type, () => this.#soon(), {signal})
    addEventListener('pagehide', () => this.#keep(), {signal})
    form.element('feedback-draft-clear').addEventListener('click', () => this.#clear(), {signal})
    this.#soon() // input from before this was loaded
    if (typeof BroadcastChannel !== 'function') return
    const channel = new BroadcastChannel(CHANNEL)
    channel.onmessage = ({data}) => data.product ? this.#forgottenElsewhere(data) : this.#sentElsewhere(data)
    signal.addEventListener('abort', () => channel.close())
  }

  /** Restores the draft, unless the page already has input. */
  async restore() {
    this.#isRestoring = true
    await this.#restore().finally(() => { this.#isRestoring = false })
  }

  async #restore() {
    const {draft, files: id} = await this.#coming
    const list = id ? await import('./draft-files.js').then(({load}) => load(id)).catch(() => []) : []
    const {fields, files} = this.#controller
    if (!draft && !list.length || this.#controller.isLeft || !this.#controller.isEmpty) return
    this.isRestored = true
    this.#note.hidden = false
    if (list.length) this.#title.textContent = this.#controller.words.say('draft.files')
    fields.fill(draft)
    if (list.length) files.add(list)
  }

  /** The ready files have changed. */
  filesChanged() {
    this.#soon()
    this.#saving = this.#saving.then(() => this.#keepFiles()).catch(() => undefined)
  }

  /** Resolves once its files are written. */
  get settled() { return this.#saving }

  /** It has been sent: no other tab may offer it. */
  sent() {
    const {fields} = this.#controller
    if (this.#kept) tellTabs({owner: this.#kept.owner, text: fields.area?.value ?? ''})
    this.drop()
  }

  /** It has been sent or discarded. */
  drop() {
    this.#rest()
    this.#note.hidden = true
    this.#write()
    this.#saving = this.#saving.then(() => this.#dropFiles()).catch(() => undefined)
  }

  /** It has been sent, and its owner has left. @param {string} text what was sent */
  async forget(text) {
    const kept = await this.#coming
    if (kept.draft?.text && kept.draft.text !== text) return
    kept.draft = undefined
    await this.#dropFiles().catch(() => undefined)
  }

  /** Its owner became known after it was begun. @param {Kept} kept */
  moveTo(kept) {
    this.#write()
    if (this.#kept) {
      kept.files = this.#kept.files
      this.#kept.files = undefined
    }
    this.#kept = kept
    this.#coming = Promise.resolve(kept)
    this.#soon()
  }

  /** Its owner leaves. */
  leave() {
    this.#keep()
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

  #keep() {
    if (!this.#timer || this.#isRestoring) return
    const {fields, isEmpty, form} = this.#controller
    if (isEmpty) return this.drop()
    this.#rest()
    this.#write(fields.text || fields.thumb ? fields.draft : undefined)
    const id = this.#kept?.files
    if (!id || !this.#kept) return
    this.#kept.files = id // from now on
    import('./draft-files.js').then(({touch}) => touch(form.product, id)).catch(() => undefined)
  }

  async #keepFiles() {
    const kept = await this.#coming
    const {files, form, isLeft} = this.#controller
    const list = files.ready
    if (isLeft || !kept.isOpen || !list.length && !kept.files) return
    if (!list.length) return this.#dropFiles()
    const {keep} = await import('./draft-files.js')
    const id = kept.files ?? `${Date.now()}-${Math.random()}`
    await keep(form.product, id, list)
    kept.files = id
  }

  async #dropFiles() {
    const kept = await this.#coming
    const id = kept.files
    if (!id) return
    kept.files = undefined
    const {drop} = await import('./draft-files.js')
    await drop(this.#controller.form.product, id)
  }

  /** The same draft was sent from another tab. @param {{owner?: string, text?: string}} sent */
  #sentElsewhere({owner, text}) {
    const {fields, form} = this.#controller
    if (!this.isRestored || !form.isOpen || owner !== this.#kept?.owner || text !== (fields.area?.value ?? '')) return
    this.#empty()
  }

  /** The person has signed out in another tab, which does not know them if its form was never opened.
   * @param {{product: string, address: string}} person */
  #forgottenElsewhere({product, address}) {
    const {form, address: own} = this.#controller
    if (product !== form.product || !own || address && address !== own) return
    if (form.isOpen) this.#empty()
    else this.drop()
  }

  /** @param {Kept['draft']} [draft] undefined: there is none any more */
  #write(draft) {
    if (this.#kept) this.#kept.draft = draft
    else this.#coming.then(kept => kept.draft = draft)
  }

  #clear() {
    const {fields, form} = this.#controller
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
