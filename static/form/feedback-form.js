// @ts-check
/** @import {FormController} from './form-controller.js' */

const ON_FORM = ['pointerdown', 'keydown', 'input', 'change', 'submit']
const ANYWHERE = ['dragover', 'dragleave', 'drop', 'paste']
const SILENT = 1000 // milliseconds after which a framing page counts as silent
const AGAIN = 1000 // milliseconds until a script that did not load is asked for again

/**
 * `<feedback-form>` enhances the form inside it, which also works without it.
 *
 * Nothing else is loaded until somebody uses the form. Then `rest.js`, which is built from `form-controller.js`, is loaded and
 * gets that action.
 */
export class FeedbackForm extends HTMLElement {
  /** @type {AbortController | undefined} */
  #listening
  /** @type {Promise<FormController> | undefined} */
  #controller
  #tries = 0
  #turns = 0
  /** Ends the wait for a network. @type {AbortController | undefined} */
  #waiting
  /** How often everything was forgotten. */
  resets = 0
  /** @type {FormController | undefined} once it is loaded */
  controller
  /** The address that the page gave. */
  given = ''
  /** The address that this browser remembered. */
  remembered = ''
  /** Lets the page vouch once more. @type {(() => Promise<string>) | undefined} */
  vouch
  /** Asks the page that frames it for room, or to be out of sight. @type {(how: 'full' | 'hidden' | '') => Promise<boolean>} */
  stage = async () => false
  /** The address of the form's owner, in lower case. */
  address = ''
  /** Whether the page has said who is there, or says nothing: before, no draft is restored. */
  isMet = false
  /** @type {string[]} */
  #accept = []

  static define(tag = 'feedback-form') {
    if (!customElements.get(tag)) customElements.define(tag, this)
  }

  connectedCallback() {
    const {signal} = this.#listening = new AbortController()
    for (const type of ON_FORM) this.addEventListener(type, this, {signal})
    for (const type of ANYWHERE) document.addEventListener(type, this, {signal})
    document.documentElement.dataset.script = ''
    if (/[?&](email|identity)=/.test(location.search)) this.given ||= this.email.defaultValue
    this.address ||= this.given.trim().toLowerCase()
    if (this.input) {
      if (!this.#accept.length) this.#accept = this.input.accept.split(',')
      const pictures = this.takes('image/jpeg') || this.takes('image/png')
      this.input.accept = [pictures && 'image/*', this.takes('application/pdf') && 'application/pdf'].filter(Boolean).join()
    }
    this.#offerCapture(signal)
    if (this.#controller) return this.#controller.then(controller => controller.listen(signal))
    if (this.input?.files?.length) this.wake().catch(() => undefined)
    if (parent === window) this.recall()
    else addEventListener('load', () => setTimeout(() => this.recall(), SILENT), {signal})
  }

  /** Offers a screenshot: by a button or, if it cannot be taken, by keys. Phones cannot take one, and a page that frames the
   * form may forbid it. @param {AbortSignal} signal */
  #offerCapture(signal) {
    const button = this.element('feedback-capture')
    if (!button) return
    const policy = /** @type {any} */ (document).featurePolicy
    button.hidden = !navigator.mediaDevices?.getDisplayMedia || !(policy?.allowsFeature('display-capture') ?? parent === window)
    button.addEventListener('pointerenter', this) // Safari asks for a screen only while the press is handled
    button.addEventListener('click', () => this.isOpen && this.#use(controller => controller.files.capture()), {signal})
    if (button.hidden && matchMedia('(any-pointer: fine)').matches) import('../editor/paste.js').then(({suggest}) => suggest(button)).catch(() => undefined)
  }

  disconnectedCallback() {
    this.#listening?.abort()
  }

  get product() { return this.getAttribute('product') ?? '' }
  get maxLength() { return Number(this.getAttribute('max-length')) || Infinity }
  get maxFiles() { return Number(this.getAttribute('max-files')) || Infinity }
  get maxSize() { return Number(this.getAttribute('max-size')) || Infinity }
  /** Seconds until the thanks in a popover close automatically; 0: never. */
  get closeAfter() { return Number(this.getAttribute('close-after')) }
  get maxPixels() { return Number(this.getAttribute('max-pixels')) || Infinity }
  /** Whether this browser may keep anything. */
  get keeps() { return this.getAttribute('draft') !== 'off' }

  /** Whether the form accepts files of this media type. @param {string} type */
  takes(type) { return this.#accept.includes(type) }

  /** An element of the page by its id; a product's own template may lack some. @param {string} id @returns {any} */
  element(id) { return document.getElementById(id) }
  /** @returns {HTMLFormElement} */
  get form() { return this.element('feedback') }
  /** @returns {HTMLInputElement} */
  get email() { return this.element('submittedByEmail') }
  /** The checkbox that makes this browser remember the address. @returns {HTMLInputElement | null | undefined} */
  get remember() { return this.element('feedback-remember')?.firstElementChild }
  /** @returns {any} */
  get token() { return this.form.elements.namedItem('token') }
  /** @returns {HTMLInputElement | null} */
  get input() { return this.element('files') }

  /** Whether the form accepts input: not while it is sent, nor after the thanks have replaced it. */
  get isOpen() { return !this.form.dataset.state && !this.form.hidden }

  /** Restores the draft, if there is one. */
  recall() {
    this.isMet = true
    this.controller?.draft.restore()
    try {
      if (this.#kept().some(key => !/:(receipts|sent|own)$/.test(key))) this.wake().catch(() => undefined)
    } catch {
      // storage is blocked
    }
    this.offerToRemember()
    this.offerReceipts()
  }

  /** An address can be remembered if no page gives one. */
  offerToRemember() {
    const {remember: box, address} = this
    const label = box?.closest('label')
    if (!box || !label) return
    label.hidden = address !== ''
    if (address) box.checked = box.defaultChecked = false
    try {
      if (!address && localStorage.getItem('feedback-email')) import('./remember.js').then(({restore}) => restore(this)).catch(() => undefined)
    } catch {
      label.hidden = true // storage is blocked
    }
  }

  /** Links to what the present person has sent from this browser, if anything. */
  async offerReceipts() {
    const foot = this.element('feedback-foot')
    if (!foot) return
    foot.hidden = true
    const {address, product} = this
    try {
      const keys = this.#kept().filter(key => key.endsWith(':receipts'))
      if (!keys.length) return
      const {placeOf} = await import('./kept.js')
      const {prefix} = await placeOf(product, address, true)
      if (address === this.address) foot.hidden = !keys.includes(`${prefix}receipts`)
    } catch {
      // storage is blocked
    }
  }

  /** @returns {Record<string, string>} */
  get #words() { return JSON.parse(this.dataset.words ?? '{}') }

  /** The keys of what is kept for this product. */
  #kept() {
    return [localStorage, sessionStorage].flatMap(place => Object.keys(place)).filter(key => key.startsWith(`feedback:${this.product}`))
  }

  /** Another person has come. @param {string} address */
  turn(address) {
    this.#turns++
    if (this.controller) this.controller.leave()
    else this.element('feedback-send').textContent = this.#words.send // the previous person may have pressed it
    this.controller = this.#controller = undefined
    this.address = address
    this.tell('turn')
  }

  /** @param {string} type @param {object} [detail] @returns {boolean} whether nobody cancelled it */
  tell(type, detail) {
    return this.dispatchEvent(new CustomEvent(`feedback-${type}`, {detail, bubbles: true, cancelable: type === 'submit'}))
  }

  /** Loads the form's controller. @returns {Promise<FormController>} */
  wake() {
    return this.#controller ??= this.#load()
  }

  /** A browser may remember that an address failed, so the next attempt uses another one. */
  async #load() {
    const turn = this.#turns
    const rest = `./rest.js${this.#tries ? `?${this.#tries}` : ''}`
    const [{FormController}] = await Promise.all([import(rest), import('./kept.js')]).catch(error => {
      this.#tries++
      this.#controller = undefined
      throw error
    })
    if (turn !== this.#turns) return this.wake()
    const controller = this.controller = new FormController(this)
    if (this.#listening) controller.listen(this.#listening.signal)
    return controller
  }

  /** @param {any} event */
  handleEvent(event) {
    const {type} = event
    if (['input', 'change', 'paste', 'drop', 'submit'].includes(type)) this.#goOn()
    if (type === 'submit') this.#submit(event)
    else if (type === 'paste') this.#paste(event)
    else if (ANYWHERE.includes(type)) this.#drag(event)
    else if (type === 'change' && event.target === this.input) this.#take(controller => controller.files.takeInput())
    else this.wake().catch(() => undefined)
  }

  /** If the rest of the script does not load, or fails, the browser sends the form itself, without files that only the
   * script has. @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault()
    const turn = this.#turns
    if (!this.controller) this.element('feedback-send').textContent = this.#words.sending // at once
    try {
      await this.#use(controller => controller.sending.start())
    } catch (error) {
      if (turn !== this.#turns) return
      if (this.controller?.files.count) throw error
      if (!navigator.onLine) return this.#wait()
      if (this.form.querySelector('[name=proof]')) await import('./proof.js').then(({proven}) => proven(this.token.value)).catch(() => undefined)
      if (turn === this.#turns) this.form.submit()
    }
  }

  /** Offline before the script that reports it properly has loaded. */
  #wait() {
    const words = this.#words
    const note = this.element('feedback-note-template').content.cloneNode(true)
    note.querySelector('.feedback-note-title').textContent = words.offline
    note.querySelector('.feedback-note-text').textContent = words['offline.text']
    this.element('feedback-notes').replaceChildren(note)
    const turn = this.#turns
    const {signal} = this.#waiting = new AbortController()
    addEventListener('online', () => turn === this.#turns && this.form.requestSubmit(), {once: true, signal})
  }

  /** Whoever goes on with the form sends it themselves. */
  #goOn() {
    if (!this.#waiting) return
    this.#waiting.abort()
    this.#waiting = undefined
    this.element('feedback-notes').replaceChildren()
    this.element('feedback-send').textContent = this.#words.send
  }

  /** Takes what a person adds, however late the controller loads, unless another person has come meanwhile.
   * @param {(controller: FormController) => unknown} act */
  #take(act, turn = this.#turns) {
    const again = () => this.#take(act, turn)
    this.wake().then(() => turn === this.#turns ? this.#use(act) : undefined, () => navigator.onLine ? setTimeout(again, AGAIN) : addEventListener('online', again, {once: true}))
  }

  /** Acts once the controller has loaded, unless another person has come meanwhile. @param {(controller: FormController) => unknown} act */
  async #use(act) {
    const turn = this.#turns
    const controller = await this.wake()
    if (turn === this.#turns) await act(controller)
  }

  /** A picture from the clipboard, wherever the focus is, also if it is nowhere yet. If text comes with it, the text is pasted
   * instead, unless it only lists the files' names, as the Finder of macOS does, with accents apart from their letters, or
   * their paths, as on Linux. @param {ClipboardEvent} event */
  #paste(event) {
    const {clipboardData, target} = event
    const inside = target === document.body || this.contains(/** @type {Node} */ (target)) // not in the editor
    if (!inside || !clipboardData?.files.length) return
    const names = [...clipboardData.files].map(file => file.name.normalize())
    const lines = clipboardData.getData('text/plain').split(/[\r\n]+/).filter(Boolean)
    if (lines.every(line => names.includes(line.normalize().replace(/.*\//, '')))) this.#add(event, clipboardData)
  }

  /** A file dropped beside the form must not make the browser leave the page. @param {DragEvent} event */
  #drag(event) {
    const {type, dataTransfer, target} = event
    const carries = dataTransfer?.types.includes('Files')
    const inside = target instanceof Node && this.contains(target)
    const open = carries && inside && this.isOpen && this.input
    if (type !== 'dragleave' && (carries || !(target instanceof Element && target.matches('input, textarea')))) {
      event.preventDefault()
      if (dataTransfer) dataTransfer.dropEffect = open ? 'copy' : 'none'
    }
    const leaves = type === 'dragleave' && !this.contains(/** @type {Node | null} */ (event.relatedTarget))
    if (type !== 'dragleave' || leaves) this.element('feedback-veil').hidden = type !== 'dragover' || !open
    if (type === 'drop' && open && dataTransfer) this.#add(event, dataTransfer)
  }

  /** @param {Event} event @param {DataTransfer} list which lasts no longer than the event */
  #add(event, {files, items}) {
    event.preventDefault()
    const folders = [...items].map(item => item.webkitGetAsEntry?.()).filter(entry => entry?.isDirectory).map(entry => entry?.name)
    const list = [...files].map(file => ({file, isFolder: folders.includes(file.name)}))
    if (this.isOpen && this.input) this.#take(controller => controller.files.add(list))
  }
}
