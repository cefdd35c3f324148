// @ts-check
/** The attached files: chosen, dropped or pasted. Each is checked before it is sent. */
import {called, identify, TYPES} from './file-kind.js'
import {FileRow} from './file-row.js'
/** @import {FormController} from './form-controller.js' */
/** @import {Fault} from './faults.js' */
/** @import {Kind} from './file-kind.js' */

/** @import {Work} from '../../editor/editor.js' */

/** @typedef {{file: File, isFolder?: boolean, note?: string}} Given what was chosen, or kept: then with what was done to it */
/** @typedef {Given & {row: FileRow, isKept: boolean, misses: number, fault?: Fault, work?: Work, made?: Blob}} Entry `misses`: how often a
 * script that it needs did not load */

const MOST = 20 // rows: more were hardly dropped on purpose
const SOON = 300 // milliseconds in which what becomes of files is announced together
const TRIES = 3, AGAIN = 1000 // further attempts at a script that does not load, and milliseconds before the first

export class Files {
  #controller
  /** @type {Entry[]} */
  #entries = []
  /** Files are prepared one after the other, because pictures take much memory. */
  #work = Promise.resolve()
  /** Editors that are open, or still make their picture, and files that wait for a network. @type {Set<Promise<void>>} */
  #pending = new Set()
  /** What has become of files and is not announced yet. @type {string[]} */
  #news = []
  #timer = 0
  /** What takes a screenshot. @type {Promise<typeof import('../editor/capture.js')> | undefined} */
  #capturing
  /** Withdraws the offers for the files. */
  #gone = new AbortController()

  /** @param {FormController} controller */
  constructor(controller) {
    this.#controller = controller
    if (controller.form.element('feedback-capture')?.hidden === false) this.#prepareCapture().catch(() => undefined)
  }

  get count() { return this.#entries.length }
  /** Resolves once every file is checked, prepared and edited. @returns {Promise<void>} */
  get settled() { return Promise.all([this.#work, ...this.#pending]).then(() => this.isSettled ? undefined : this.settled) }
  get isSettled() { return !this.#pending.size && this.#entries.every(entry => entry.row.element.dataset.state !== 'preparing') }
  /** The files that are ready, or come from a draft, for which they were; with their notes. */
  get ready() { return this.#entries.filter(({fault, row, isKept}) => !fault && (isKept || row.element.dataset.state === 'ready')).map(({file, note = ''}) => ({file, note})) }
  get marks() { return marksOf(this.#entries) }
  /** The files to send. */
  get sendable() { return this.#entries.filter(({fault, row}) => !fault && row.element.dataset.state === 'ready').map(({file}) => file) }

  /** Takes the files out of the file input, so that the next choice adds to them. */
  takeInput() {
    const {input} = this.#controller.form
    if (!input?.files?.length) return
    this.add([...input.files].map(file => ({file})))
    input.value = ''
  }

  /** @param {Given[]} given */
  add(given) {
    if (this.#controller.isLeft) return // a screenshot takes its time
    for (const {file, isFolder, note} of given.slice(0, MOST - this.count)) {
      const row = new FileRow(this.#controller, () => this.#remove(entry))
      /** @type {Entry} */
      const entry = {file, isFolder, note, row, isKept: note !== undefined, misses: 0}
      row.show(file)
      row.is('preparing')
      this.#entries.push(entry)
      this.#list.append(row.element)
      this.#next(entry)
    }
    this.#changed()
  }

  /** Whether a file is among them. @param {File} file */
  has(file) {
    return this.#entries.some(entry => mark(entry.file) === mark(file))
  }

  clear() {
    for (const {row} of this.#entries) row.end()
    this.#entries = []
    this.#changed()
  }

  /** Loads what takes a screenshot, before the press: Safari asks for a screen only while it handles that. */
  #prepareCapture() {
    return this.#capturing ??= import('../editor/capture.js').catch(error => {
      this.#capturing = undefined
      throw error
    })
  }

  /** Adds a screenshot of the page. */
  async capture() {
    try {
      const {capture} = await this.#prepareCapture()
      const file = await capture(this.#controller.form)
      if (file) this.add([{file}])
    } catch {
      const failed = () => import('../editor/words.js').then(({editorWords}) => editorWords()).then(words => words.say('editor.capture.failed'))
      const message = await failed().catch(() => this.#controller.words.say('offline'))
      this.#controller.faults.tell({field: 'files', code: '', message})
    }
  }

  /** Removes them from view. A submission in progress keeps them. */
  leave() {
    this.#gone.abort()
    for (const {row} of this.#entries) row.end()
    this.#show(0)
  }

  /** @returns {Fault[]} */
  check() {
    const faults = this.#entries.map(({fault}) => fault).filter(fault => fault !== undefined)
    const excess = this.count - this.#controller.form.maxFiles
    if (excess > 0) faults.push(this.#fault('too_many_files', {n: excess}))
    if (this.#controller.form.input?.required && !this.count) faults.push(this.#fault('required.files'))
    return faults
  }

  /** Shows the server's error about a file. @param {Fault} fault @returns {Fault} */
  place(fault) {
    const entry = this.#entries.filter(entry => !entry.fault)[fault.position ?? -1]
    return entry ? this.#complain(entry, fault) : fault
  }

  /** @returns {HTMLElement} */
  get #list() { return this.#controller.form.element('feedback-files') }

  /** Prepares a file after those before it. @param {Entry} entry @returns {Promise<void>} */
  #next(entry) {
    return this.#work = this.#work.then(() => this.#prepare(entry))
  }

  /** @param {Promise<void>} work */
  #await(work) {
    this.#pending.add(work)
    work.finally(() => this.#pending.delete(work))
  }

  /** @param {Entry} entry @returns {Promise<void>} */
  async #prepare(entry) {
    const {words} = this.#controller
    if (!this.#entries.includes(entry)) return
    try {
      const note = entry.note = await this.#made(entry, await this.#kind(entry))
      await this.#controller.fields.still
      if (!this.#entries.includes(entry)) return
      entry.row.show(entry.file)
      entry.row.is('ready', note)
      if (entry.file.type !== TYPES.pdf) this.#offer(entry)
      this.#tell(note ? words.say('say.note', {name: entry.row.name, note}) : words.say('say.added', {name: entry.row.name}))
    } catch (error) {
      const due = error instanceof TypeError && again(++entry.misses)
      if (due) return this.#await(due.then(() => this.#next(entry)))
      const reason = error instanceof Error ? error.message : ''
      const known = /^file_(type|too_large)/.test(reason)
      this.#complain(entry, this.#fault(known ? reason : 'file_type.unreadable'))
    }
    this.#changed()
  }

  /** Prepares a file. @param {Entry} entry @param {Kind} kind @returns {Promise<string>} what was done, in words */
  async #made(entry, kind) {
    const {form, words} = this.#controller
    const {pixels, thumbnail, notes} = await examined(entry.file, kind)
    if (thumbnail) entry.row.picture(thumbnail)
    const fits = form.takes(TYPES[kind] ?? '') && entry.file.size <= form.maxSize && pixels <= form.maxPixels
    const done = entry.note ?? (fits ? await this.#keep(entry, kind) : await this.#convert(entry, kind))
    if (!thumbnail && kind !== 'pdf') entry.row.picture(entry.file)
    return entry.note ?? [done, ...notes.map(note => words.say(`note.${note}`))].filter(Boolean).join(' · ')
  }

  /** Offers to edit a picture. @param {Entry} entry @param {number} [misses] */
  async #offer(entry, misses = 0) {
    if (this.#controller.form.getAttribute('edit') === 'off') return
    try {
      const {offer} = await import('../editor/offer.js')
      await offer(this.#controller, entry, file => this.#replace(entry, file), edit => this.#edit(edit), this.#gone.signal)
    } catch {
      again(++misses)?.then(() => this.#offer(entry, misses))
    }
  }

  /** An editor has been opened. @param {Promise<void>} edit ends once there is the picture */
  #edit(edit) {
    this.#await(edit)
    this.#show(this.count) // without the error of an earlier attempt
    this.#controller.sending.touched()
  }

  /** Takes an edited file; undefined: it is being made; null: that failed. The old one is never sent.
   * @param {Entry} entry @param {Blob | undefined | null} file */
  #replace(entry, file) {
    if (!this.#entries.includes(entry)) return
    entry.isKept = false
    if (file === null) this.#complain(entry, this.#fault('file_type.unreadable'))
    else if (!file) {
      entry.row.hidePicture()
      entry.row.is('preparing')
    }
    else {
      entry.file = called(file, entry.file.name, file.type === 'image/png' ? 'png' : 'jpeg')
      entry.note = ''
      entry.row.show(entry.file)
      entry.row.is('ready')
      this.#drawThumbnail(entry).catch(() => undefined)
    }
    this.#changed()
  }

  /** @param {Entry} entry */
  async #drawThumbnail({file, row}) {
    const {thumbnail} = await examined(file, file.type === TYPES.png ? 'png' : 'jpeg')
    row.picture(thumbnail ?? file)
  }

  /** @param {Entry} entry @returns {Promise<Kind>} */
  async #kind({file, isFolder}) {
    if (isFolder) throw new Error('file_type.folder')
    if (!file.size) throw new Error('file_type.empty')
    const kind = await identify(file)
    const {form} = this.#controller
    const fits = kind === 'pdf' ? form.takes(TYPES.pdf) : form.takes(TYPES.jpeg) || form.takes(TYPES.png)
    if (!kind || !fits) throw new Error('file_type')
    if (kind === 'pdf' && file.size > this.#controller.form.maxSize) throw new Error('file_too_large.pdf')
    return kind
  }

  /** Accepts a file as it is. The server removes its location. From now on it is in memory: what happens to it on the disk
   * does not matter any more.
   * @param {Entry} entry @param {Kind} kind @returns {Promise<string>} what will be done */
  async #keep(entry, kind) {
    const {name, type, lastModified} = entry.file
    entry.file = called(new File([await entry.file.arrayBuffer()], name, {type, lastModified}), name, kind)
    if (kind === 'pdf') return ''
    const {file} = entry
    return await import('./exif.js').then(({hasLocation}) => hasLocation(file), () => false) ? this.#controller.words.say('note.location') : ''
  }

  /** Converts a picture into one that is accepted. A browser may remember that an address failed, so the next attempt uses another one.
   * @param {Entry} entry @param {Kind} kind @returns {Promise<string>} what was done */
  async #convert(entry, kind) {
    const {words, form} = this.#controller
    entry.row.is('preparing', words.say('files.preparing'))
    const address = `./pictures.js${entry.misses ? `?${entry.misses}` : ''}`
    const {convert} = /** @type {typeof import('./pictures.js')} */ (await import(address))
    const {file, done} = await convert(entry.file, kind, form.maxSize)
    if (!form.takes(file.type)) throw new Error('file_type')
    entry.file = file
    return done.length ? words.say(['note', ...done].join('.')) : ''
  }

  /** @param {string} key @param {Record<string, number>} [values] @returns {Fault} */
  #fault(key, values) {
    return {field: 'files', code: key.split('.')[0], message: this.#controller.words.say(`error.${key}`, values)}
  }

  /** @param {Entry} entry @param {Fault} fault @returns {Fault} */
  #complain(entry, fault) {
    const {row} = entry
    entry.fault = {...fault, row: row.id, label: row.name}
    row.is('wrong', fault.message)
    this.#tell(this.#controller.words.say('say.note', {name: row.name, note: fault.message}))
    return entry.fault
  }

  /** Announces what has become of a file, together with what becomes of the next ones: of several announcements at once,
   * screen readers read the last. @param {string} text */
  #tell(text) {
    this.#news.push(text)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.tellNow(), SOON)
  }

  /** Announces what waits for that. */
  tellNow() {
    clearTimeout(this.#timer)
    if (this.#news.length) this.#controller.say(this.#news.splice(0).join(' · '))
  }

  /** @param {Entry} entry */
  #remove(entry) {
    const {form, words, faults} = this.#controller
    const place = this.#entries.indexOf(entry)
    this.#entries.splice(place, 1)
    entry.row.end()
    this.#changed()
    faults.clear(entry.row.id)
    const next = this.#entries[Math.min(place, this.count - 1)]
    if (next) next.row.button.focus()
    else form.input?.focus()
    this.#tell(words.say('say.removed', {name: entry.row.name}))
  }

  #changed() {
    if (this.#controller.isLeft) return
    this.#show(this.count)
    this.#controller.changed()
    if (this.#controller.form.isOpen) this.#controller.draft?.filesChanged()
  }

  /** Shows count and limits. @param {number} count */
  #show(count) {
    const {form, words, faults} = this.#controller
    const isFull = count >= form.maxFiles
    if (!form.input) return
    this.#list.hidden = !count
    form.input.disabled = isFull
    form.element('feedback-add').toggleAttribute('data-full', isFull)
    form.element('feedback-add-words').textContent = isFull ? words.say('files.full', {n: form.maxFiles}) : words.say(count ? 'files.another' : 'files.add')
    form.element('files-limit').textContent = count ? words.say('files.count', {n: count}) : words.say('files.limit')
    if (count > form.maxFiles) faults.tell(this.#fault('too_many_files', {n: count - form.maxFiles}))
    else faults.clear('files')
  }
}

/** What a file is like, by `file-check.js`. If that does not load, the server finds out.
 * @param {File} file @param {Kind} kind @returns {Promise<{pixels: number, thumbnail?: Blob, notes: string[]}>} */
async function examined(file, kind) {
  const check = await import('./file-check.js').catch(() => undefined)
  return check ? check.examine(file, kind) : {pixels: 0, notes: []}
}

/** When to load a script again that did not load: once there is a network, or a little later.
 * @param {number} misses @returns {Promise<unknown> | undefined} undefined after too many */
function again(misses) {
  if (!navigator.onLine) return new Promise(done => addEventListener('online', done, {once: true}))
  if (misses <= TRIES) return new Promise(done => setTimeout(done, AGAIN * misses))
}

/** What tells lists of files apart. @param {{file: File, note?: string}[]} list */
export function marksOf(list) {
  return list.map(({file, note}) => `${mark(file)}/${note ?? ''}`).join()
}

/** @param {File} file */
function mark({name, size, lastModified}) {
  return `${name}/${size}/${lastModified}`
}
