// @ts-check
/** What is stored of a form's draft: its entry among its owner's drafts (`kept.js`), and its files, which are read and
 * written as a set (`draft-files.js`). */
import {Kept, tellTabs, unique} from './kept.js'
import {marksOf} from './files.js'
/** @import {FormController} from './form-controller.js' */
/** @import {KeptFile} from './draft-files.js' */
/** @import {Draft, Said} from './kept.js' */

const PAGE = unique()
const NOTHING = {text: '', thumb: '', chips: []}

export class StoredDraft {
  #controller
  /** @type {Promise<Kept>} */
  #coming
  /** Once it is known, so that a page that goes can still write. @type {Kept | undefined} */
  #kept
  /** The entry, as it was last read or written here. @type {Draft | undefined} */
  #last
  /** The token of the last attempt to send it; empty if there was none. */
  #token = ''
  /** Sets of files are read and written one after the other. */
  #saving = Promise.resolve()
  /** The files in the stored set. */
  #saved = marksOf([])
  /** Whether the stored set must stay although it is of no more use here. */
  #isNeeded = false
  /** How often it was forgotten: files that were on their way to be stored then are not stored. */
  #drops = 0

  /** @param {FormController} controller */
  constructor(controller) {
    const {product, address, keeps} = controller.form
    this.#controller = controller
    this.#coming = this.#await(Kept.of(product, address, keeps))
  }

  /** What its owner has. @returns {Promise<Kept>} */
  get owner() { return this.#coming }

  /** Resolves once its files are read and written. */
  get settled() { return this.#saving }

  /** Takes an entry for its own, with the token that it may have arrived with. @param {Kept} kept @param {Draft} draft */
  take(kept, draft) {
    this.#last = draft
    kept.take(draft)
    if (draft.token && !this.#token) this.#controller.form.token.value = this.#token = draft.token
  }

  /** Reads its files. @param {(files: KeptFile[]) => void} bring not called if they have expired, or are not needed any more
   * @returns {Promise<void>} */
  takeFiles(bring) {
    const {files = '', text = '', thumb = ''} = this.#last ?? {}
    const drops = this.#drops
    return this.#then(async () => {
      if (this.#kept?.isOfTab) tellTabs({owner: this.#kept.owner, files, from: PAGE})
      try {
        const list = await import('./draft-files.js').then(({load}) => load(files))
        await this.#controller.fields.still
        const {fields, isLeft} = this.#controller
        if (isLeft || drops !== this.#drops) return
        if (!list.length) return this.#write(fields.draft, undefined)
        this.#saved = marksOf(list)
        bring(list)
      } catch {
        this.#isNeeded = true // the next page may be able to read it
        if (!text && !thumb && drops === this.#drops) this.#last = undefined
      }
    })
  }

  /** @param {Said} said @param {boolean} isLast whether there is no more time to wait for what was stored: then there are two drafts */
  keep(said, isLast) {
    const last = this.#last
    const isOthers = last && this.#kept && !this.#kept.has(last)
    const isSame = last && printed(said) === printed(last) && this.#token === (last.token ?? '')
    if (isSame && (isLast || isOthers)) return // it may be forgotten meanwhile, or another tab is sending it
    if (!this.#kept) this.#coming.then(kept => { this.#last = kept.keep(said) })
    this.#write(said, this.#last?.files)
    this.keepFiles() // if that failed before
    this.#then(async () => {
      const id = this.#last?.files
      if (id) await import('./draft-files.js').then(({touch}) => touch(this.#controller.form.product, id))
    })
  }

  /** Stores the form's files. */
  keepFiles() {
    const drops = this.#drops
    this.#then(() => this.#keepFiles(drops))
  }

  /** It is being sent. If the page goes before there is an answer, it may have arrived: whoever sends it again then does so
   * with the same token. @param {string} token empty: it has not arrived @returns {boolean} whether that has to be kept */
  tried(token) {
    const last = this.#last
    if (token === this.#token) return false
    this.#token = token
    if (!this.#controller.isLeft) return true
    if (last && this.#kept?.has(last)) this.#write(last, last.files)
    return false
  }

  /** It has been sent or discarded. */
  drop() {
    this.#token = ''
    this.forget()
  }

  /** As it was kept last, it is of no more use. */
  forget() {
    const last = this.#last
    this.#last = undefined
    this.#saved = marksOf([])
    this.#drops++
    const id = last && this.#kept?.drop(last) && !this.#isNeeded && last.files
    if (id) this.#then(() => import('./draft-files.js').then(({drop}) => drop(this.#controller.form.product, id)))
    this.#isNeeded = false
  }

  /** Its owner became known after it was begun. @param {Promise<Kept>} coming */
  moveTo(coming) {
    this.forget()
    this.#kept = undefined
    this.#coming = this.#await(coming)
  }

  /** Tells the other tabs that it is gone. */
  tell() {
    if (this.#kept && this.#last) tellTabs({owner: this.#kept.owner, id: this.#last.id})
  }

  /** Whether it is the one that another tab speaks of. @param {{owner?: string, id?: string}} other */
  is({owner, id}) {
    return owner === this.#kept?.owner && id === this.#last?.id
  }

  /** A copy of this tab has restored the same files. From now on they are the copy's, and this tab's are another set.
   * @param {{owner?: string, files?: string, from?: string}} copy */
  leaveFiles({owner, files, from}) {
    if (from === PAGE || !this.#kept?.isOfTab || owner !== this.#kept.owner || files !== this.#last?.files) return
    this.#isNeeded = true
    this.#saved = marksOf([])
    this.keepFiles()
  }

  /** @param {Promise<Kept>} coming */
  #await(coming) {
    coming.then(kept => { if (coming === this.#coming) this.#kept = kept })
    return coming
  }

  /** @param {() => Promise<void>} act */
  #then(act) {
    return this.#saving = this.#saving.then(act).catch(() => undefined)
  }

  /** If another tab has changed or removed the entry meanwhile, this is another one.
   * @param {Said} said @param {string | undefined} files */
  #write({text, thumb, chips}, files) {
    const last = this.#last
    if (!this.#kept || !last && !text && !thumb && !files) return
    const isOurs = last && this.#kept.has(last)
    const isShared = last?.files !== undefined && last.files === files && !isOurs
    const draft = {text, thumb, chips, token: this.#token || undefined, id: isOurs ? last.id : undefined, files: isShared ? undefined : files}
    if (draft.text || draft.thumb || draft.files) this.#last = this.#kept.keep(draft) ?? last
    else if (last) {
      this.#kept.drop(last)
      this.#last = undefined
    }
    if (!isShared) return
    this.#saved = marksOf([])
    this.keepFiles()
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
}

/** What tells texts, thumbs and chips apart. @param {Said} said */
export function printed({text, thumb, chips}) {
  return JSON.stringify([text, thumb, chips])
}
