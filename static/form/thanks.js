// @ts-check
/** The thanks, in place of the form: what happened, in honest words. In a popover or dialog there is a button to finish,
 * and a popover closes automatically unless it is touched. */
import {copyText} from './clipboard.js'
import {receiptOf} from './words.js'
/** @import {FormController} from './form-controller.js' */

/** @typedef {{said?: import('./kept.js').Said, resets: number}} Sent what was said, if it is known, and how often everything had been
 * forgotten by then */
/** @typedef {{status: 'delivered' | 'accepted', receipt_url: string, feedback_id?: number | null, attachments?: {status: string}[]}} Taken */

const TOUCHES = ['pointerdown', 'wheel', 'keydown', 'focusin']

export class Thanks {
  #controller
  #shown = new AbortController()
  /** @type {HTMLElement | undefined} */
  #section

  /** @param {FormController} controller */
  constructor(controller) {
    this.#controller = controller
  }

  /** @param {Taken} answer @param {number} files how many were sent @param {() => void} another */
  show(answer, files, another) {
    const {form, words} = this.#controller
    this.#shown = new AbortController()
    const template = form.element('feedback-thanks-template').content.querySelector('section')
    const section = this.#section = /** @type {HTMLElement} */ (document.importNode(template, true))
    section.dataset.status = answer.status
    this.#fill('title', words.say(answer.status))
    this.#fill('text', this.#text(answer))
    this.#fill('number', answer.feedback_id == null ? '' : String(answer.feedback_id))
    this.#fill('files', words.number(files))
    this.#fillTime(new Date())
    this.#fillReceipt(receiptOf(answer.receipt_url))
    section.querySelector('[data-do=another]')?.addEventListener('click', event => {
      event.preventDefault()
      another()
    })
    this.#offerDone()
    form.form.hidden = true
    form.form.after(section)
    scrollTo(0, 0)
    if (document.hasFocus()) form.element('feedback-thanks-title').focus()
    this.#controller.say(words.say(answer.status))
    if (answer.status !== 'delivered' || answer.attachments?.every(file => file.status === 'attached') !== false) this.#closeSoon()
    this.#controller.title(words.say(answer.status))
  }

  /** Shows the form again. */
  hide() {
    this.#shown.abort()
    this.#section?.remove()
    this.#section = undefined
    this.#controller.form.form.hidden = false
    this.#controller.title()
  }

  /** @param {string} selector @returns {any} */
  #find(selector) {
    return this.#section?.querySelector(selector)
  }

  /** @param {string} name @param {string} text */
  #fill(name, text) {
    const place = this.#find(`[data-fill=${name}]`)
    if (!place) return
    place.textContent = text
    const row = place.closest('dl > div')
    if (row) row.hidden = !text
  }

  /** Keeps the receipt if the product allows it: see `receipts.js`. @param {Taken} answer @param {Sent} sent */
  async remember({receipt_url: url, status}, {said, resets}) {
    const {form, address} = this.#controller
    const {signal} = this.#shown
    if (!form.element('feedback-foot')) return
    const {product, keeps} = form
    try {
      const [{Receipts}, {settled}] = await Promise.all([import('./receipts.js'), import('./status.js')])
      const receipts = await Receipts.of({product, address, keeps}) // another person may have come by now
      if (resets !== form.resets) return // the person has signed out
      receipts.add({url, at: Date.now(), status}, said)
      form.offerReceipts()
      if (status === 'accepted') receipts.settle(url, await settled(url, signal))
    } catch {
      // this is optional
    }
  }

  /** In a popover or dialog there is a button to finish. */
  #offerDone() {
    const done = this.#find('[data-do=done]')
    if (!done) return
    const isOver = ['popover', 'dialog'].includes(document.documentElement.dataset.mode ?? '')
    done.hidden = parent === window || !isOver || !this.#controller.form.element('feedback-close')
    done.addEventListener('click', () => this.#close())
  }

  /** Not if there is more to read than a success, nor after somebody touches it, nor if it was sent by keyboard or screen
   * reader: who has the words read aloud touches nothing meanwhile. */
  #closeSoon() {
    const {closeAfter} = this.#controller.form
    if (!closeAfter || parent === window || document.documentElement.dataset.mode !== 'popover') return
    if (this.#section?.querySelector(':focus-visible')) return
    const {signal} = this.#shown
    const timer = setTimeout(() => this.#close(), closeAfter * 1000)
    signal.addEventListener('abort', () => clearTimeout(timer))
    for (const type of TOUCHES) document.addEventListener(type, () => clearTimeout(timer), {signal, passive: true})
  }

  #close() {
    this.#controller.form.element('feedback-close')?.click()
  }

  /** @param {Taken} answer */
  #text({status, attachments = []}) {
    const {words} = this.#controller
    if (status !== 'delivered') return words.say('accepted.text')
    const n = attachments.length
    const m = attachments.filter(file => file.status === 'attached').length
    return m < n ? words.say('delivered.part', {m, n}) : words.say(n ? 'delivered.files' : 'delivered.text', {n})
  }

  /** @param {Date} at */
  #fillTime(at) {
    const {words} = this.#controller
    const time = this.#find('[data-fill=time] time')
    if (!time) return
    time.dateTime = at.toISOString()
    time.textContent = words.say('today', {time: words.time(at)})
  }

  /** @param {string} url */
  #fillReceipt(url) {
    const {words} = this.#controller
    const copy = this.#find('[data-do=copy]')
    const link = this.#find('[data-fill=receipt]')
    if (link) link.href = url
    if (!copy) return
    copy.hidden = false
    copy.addEventListener('click', async () => {
      if (!await copyText(url)) return
      copy.querySelector('span').textContent = words.say('copied')
      this.#controller.say(words.say('copied'))
    })
  }
}
