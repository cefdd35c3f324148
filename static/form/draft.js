// @ts-check
/** Keeps text, thumb, chips and files for their owner until they are sent or discarded; never the address. */
import {CHANNEL, Kept, tellTabs, unique} from './kept.js'
import {marksOf} from './files.js'
/** @import {FormController} from './form-controller.js' */
/** @import {Draft as Stored, Said} from './kept.js' */

const PAUSE = 300 // milliseconds without typing after which it is saved
const PAGE = unique()
const NOTHING = {text: '', thumb: '', chips: []}
/** @param {Said} draft @returns {Said} */
const saidOf = ({text, thumb, chips}) => ({text, thumb, chips})

export class Draft {
  #controller
  #timer = 0
  /** @type {Promise<Kept>} */
  #coming
  /** Once it is known, so that a page that goes can still write. @type {Kept | undefined} */
  #kept
  /** This tab's draft, as it was last read or written here. @type {Stored | undefined} */
  #last
  /** The token of the last attempt to send it; empty if there was none. */
  #token = ''
  /** Sets of files are read and written one after the other. */
  #saving = Promise.resolve()
  /** The files in the stored set. */
  #saved = marksOf([])
  /** Whether the stored set must stay although it is of no more use here. */
  #isNeeded = false
  /** How often a draft was sent or discarded: files that were on their way to be stored then are not stored. */
  #drops = 0
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
    const {product, address, keeps} = controller.form
    this.#controller = controller
    this.#coming = this.#await(Kept.of(product, address, keeps))
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const {form} = this.#controller
    for (const type of ['input', 'change']) form.form.addEventListener(type, () => this.#soon(), {signal})
    addEventListener('pagehide', () => this.#keep(true), {signal})
    form.element('feedback-draft-clear').addEventListener('click', () => this.#clear(), {signal})
    this.#soon() // input from before this was loaded
    if (typeof BroadcastChannel !== 'function') return
    const channel = new BroadcastChannel(CHANNEL)
    channel.onmessage = ({data}) => data.product ? this.#forgottenElsewhere(data) : data.files ? this.#copiedElsewhere(data) : this.#goneElsewhere(data)
    signal.addEventListener('abort', () => channel.close())
  }

  /** Restores the draft around what the person has done meanwhile. The text does not wait for the files. */
  restore() {
    return this.#restoring ??= this.#restore()
  }

  async #restore() {
    const coming = this.#coming
    const kept = await coming
    const {draft} = kept
    const {form, files, isLeft} = this.#controller
    if (isLeft || coming !== this.#coming) return
    if (draft && form.isOpen) this.#bring(kept, draft)
    this.#isReady = true
    this.#soon()
    if (files.count) this.filesChanged()
  }

  /** @param {Kept} kept @param {Stored} draft */
  #bring(kept, draft) {
    const {files} = this.#last = draft
    this.#restored = this.#print(saidOf(draft), this.#saved)
    kept.take(draft)
    if (draft.token && !this.#token) this.#controller.form.token.value = this.#token = draft.token
    if (this.#controller.fields.restore(draft)) this.#show()
    if (!files) return
    this.#isBringing = true
    const drops = this.#drops
    this.#then(() => this.#bringFiles(draft, files, drops))
    this.brought = this.#saving
  }

  /** @param {Stored} draft @param {string} id @param {number} drops */
  async #bringFiles({text, thumb, chips}, id, drops) {
    if (this.#kept?.isOfTab) tellTabs({owner: this.#kept.owner, files: id, from: PAGE})
    try {
      const list = await import('./draft-files.js').then(({load}) => load(id))
      const {fields, files, isLeft, words} = this.#controller
      if (isLeft || drops !== this.#drops) return
      if (!list.length) return this.#write(fields.draft, undefined) // they have expired
      this.#saved = marksOf(list)
      this.#restored = this.#print({text, thumb, chips}, this.#saved)
      const missing = list.filter(({file}) => !files.has(file))
      if (!missing.length) return
      this.#show()
      this.#title.textContent = words.say('draft.files')
      files.add(missing)
    } catch {
      this.#isNeeded = true // the next page may be able to read it
      if (!text && !thumb && drops === this.#drops) this.#last = undefined
    } finally {
      this.#isBringing = false
    }
  }

  #show() {
    this.isRestored = true
    this.#note.hidden = false
  }

  /** The ready files have changed. */
  filesChanged() {
    this.#soon()
    if (!this.#isReady) return
    const drops = this.#drops
    this.#then(() => this.#keepFiles(drops))
  }

  /** Resolves once its files are read and written. */
  get settled() { return this.#saving }

  /** It is being sent. If the page goes before there is an answer, it may have arrived: whoever sends it again then does so
   * with the same token. @param {string} token empty: it has not arrived */
  tried(token) {
    const last = this.#last
    if (token === this.#token) return
    this.#token = token
    if (!this.#controller.isLeft) {
      this.#soon()
      this.#keep()
    } else if (last && this.#kept?.has(last)) this.#write(saidOf(last), last.files)
  }

  /** It has been sent: no other tab may offer it. */
  sent() {
    this.#tell()
    this.drop()
  }

  /** It has been sent or discarded. */
  drop() {
    this.#rest()
    this.#note.hidden = true
    this.isRestored = false
    this.#token = ''
    this.forget()
  }

  /** As it was kept last, it is of no more use. Another person may see the form by now. */
  forget() {
    const {form} = this.#controller
    const last = this.#last
    this.#last = undefined
    this.#saved = marksOf([])
    this.#drops++
    const id = last && this.#kept?.drop(last) && !this.#isNeeded && last.files
    if (id) this.#then(() => import('./draft-files.js').then(({drop}) => drop(form.product, id)))
    this.#isNeeded = false
  }

  /** Its owner became known after it was begun. @param {Promise<Kept>} coming */
  moveTo(coming) {
    this.forget()
    this.#kept = undefined
    this.#coming = this.#await(coming)
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

  /** @param {Promise<Kept>} coming */
  #await(coming) {
    coming.then(kept => { if (coming === this.#coming) this.#kept = kept })
    return coming
  }

  /** @returns {HTMLElement} */
  get #note() { return this.#controller.form.element('feedback-draft') }
  get #title() { return /** @type {HTMLElement} */ (this.#note.querySelector('.feedback-note-title')) }

  /** @param {Said} said @param {string} marks of its files */
  #print(said, marks) { return JSON.stringify([said, marks]) }

  /** @param {() => Promise<void>} act */
  #then(act) {
    this.#saving = this.#saving.then(act).catch(() => undefined)
  }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#keep(), PAUSE)
  }

  #rest() {
    clearTimeout(this.#timer)
    this.#timer = 0
  }

  /** @param {boolean} [isLast] whether there is no more time to wait for what was stored: then there are two drafts */
  #keep(isLast = false) {
    if (!this.#timer || !this.#isReady && !isLast) return
    const {fields, isEmpty, form} = this.#controller
    if (isEmpty) return this.#isBringing ? undefined : this.drop()
    this.#rest()
    const said = fields.draft
    if (isLast && this.#last && this.#print(said, '') === this.#print(saidOf(this.#last), '')) return // it may be forgotten meanwhile
    if (!this.#kept) this.#coming.then(kept => { this.#last = kept.keep(said) })
    this.#write(said, this.#last?.files)
    this.#then(async () => {
      const id = this.#last?.files
      if (id) await import('./draft-files.js').then(({touch}) => touch(form.product, id))
    })
  }

  /** If another tab has changed or removed the draft meanwhile, this is another one.
   * @param {Said} said @param {string | undefined} files */
  #write(said, files) {
    const last = this.#last
    if (!this.#kept || !last && !said.text && !said.thumb && !files) return
    const isOurs = last && this.#kept.has(last)
    const isShared = last?.files !== undefined && last.files === files && !isOurs
    const draft = {...said, token: this.#token || undefined, id: isOurs ? last.id : undefined, files: isShared ? undefined : files}
    if (draft.text || draft.thumb || draft.files) this.#last = this.#kept.keep(draft) ?? last
    else if (last) {
      this.#kept.drop(last)
      this.#last = undefined
    }
    if (!isShared) return
    this.#saved = marksOf([])
    this.filesChanged()
  }

  /** Writes the files as a new set, so that whoever reads meanwhile finds a whole one. @param {number} drops */
  async #keepFiles(drops) {
    const {files, form, fields} = this.#controller
    const kept = this.#kept
    const list = files.ready
    const marks = marksOf(list)
    if (this.#controller.isLeft || !kept?.isOpen || drops !== this.#drops || marks === this.#saved) return
    const {keep, drop} = await import('./draft-files.js')
    const id = list.length ? unique() : undefined
    if (id) await keep(form.product, id, list)
    const last = this.#last
    const old = last && kept.has(last) && !this.#isNeeded ? last.files : undefined
    if (drops === this.#drops) this.#write(this.#controller.isLeft ? last ?? NOTHING : fields.draft, id)
    const isKept = this.#last?.files === id
    if (isKept) {
      this.#saved = marks
      this.#isNeeded = false
    }
    const gone = isKept ? old : id
    if (gone) await drop(form.product, gone)
  }

  #tell() {
    if (this.#kept && this.#last) tellTabs({owner: this.#kept.owner, id: this.#last.id})
  }

  /** A draft was sent or cleared in another tab. What was written here since is another one.
   * @param {{owner?: string, id?: string}} gone */
  #goneElsewhere({owner, id}) {
    const {fields, files, form} = this.#controller
    const isSame = owner === this.#kept?.owner && id === this.#last?.id
    if (form.isOpen && isSame && this.#print(fields.draft, files.marks) === this.#restored) this.#empty()
  }

  /** A copy of this tab has restored the same files. From now on they are the copy's, and this tab's are another set.
   * @param {{owner?: string, files?: string, from?: string}} copy */
  #copiedElsewhere({owner, files, from}) {
    if (from === PAGE || !this.#kept?.isOfTab || owner !== this.#kept.owner || files !== this.#last?.files) return
    this.#isNeeded = true
    this.#saved = marksOf([])
    this.filesChanged()
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
    this.#tell()
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
