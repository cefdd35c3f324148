// @ts-check
/** "Your feedback": what was sent from this browser, shown in place of the form. Loaded on demand. */
import {Receipts} from './receipts.js'
import {statusOf} from './status.js'
import {receiptOf, Words} from './words.js'
/** @import {FeedbackForm} from './feedback-form.js' */
/** @import {Sent} from './receipts.js' */

/** @param {FeedbackForm} form */
export async function show(form) {
  const {address} = form
  const receipts = await Receipts.of(form)
  if (!form.isOpen || form.address !== address || document.querySelector('.feedback-receipts')) return
  new View(form, receipts)
}

const ENDS = ['delivered', 'expired'] // an operator may have what was refused sent after all

class View {
  #gone = new AbortController()

  /** @param {FeedbackForm} form @param {Receipts} receipts */
  constructor(form, receipts) {
    this.form = form
    this.receipts = receipts
    const template = form.element('feedback-receipts-template').content.querySelector('section')
    this.section = /** @type {HTMLElement} */ (document.importNode(template, true))
    const {signal} = this.#gone
    const box = this.#find('[type=checkbox]')
    box.checked = receipts.isKept
    box.addEventListener('change', () => this.#keep(box.checked))
    this.#find('[data-do=back]').addEventListener('click', () => this.#back())
    form.addEventListener('feedback-turn', () => this.#close(), {signal})
    form.form.classList.add('feedback-away')
    form.form.after(this.section)
    this.#fill()
    scrollTo(0, 0)
    form.element('feedback-receipts-title').focus()
  }

  /** @param {string} selector @returns {any} */
  #find(selector) {
    return this.section.querySelector(selector)
  }

  #fill() {
    this.#find('ul').replaceChildren(...this.receipts.list.map(sent => this.#row(sent)))
    this.#find('ul').hidden = !this.receipts.list.length
  }

  /** @param {Sent} sent */
  #row({url, at, status}) {
    const row = document.importNode(this.#find('template').content.querySelector('li'), true)
    const time = row.querySelector('time')
    time.dateTime = new Date(at).toISOString()
    time.textContent = new Words({}).moment(new Date(at))
    row.querySelector('a').href = receiptOf(url)
    const says = (/** @type {string} */ state) => {
      for (const span of row.querySelectorAll('[data-for]')) span.hidden = span.dataset.for !== state
      row.dataset.state = state
    }
    says(status)
    if (!ENDS.includes(status)) {
      statusOf(url).then(found => {
        if (this.#gone.signal.aborted) return
        const latest = found ?? {status}
        this.receipts.settle(url, latest)
        says(latest.status)
        if (latest.status === 'refused') this.#offer(row.querySelector('[data-do=restore]'), url)
      })
    }
    return row
  }

  /** Brings a refused text back into an empty form. @param {HTMLElement} button @param {string} url */
  async #offer(button, url) {
    const said = this.receipts.said(url)
    const {fields, isEmpty} = await this.form.wake()
    button.hidden = !said || !isEmpty
    button.onclick = () => {
      if (!said) return
      fields.fill(said)
      this.receipts.drop(url)
      this.#close()
      this.form.form.dispatchEvent(new Event('input', {bubbles: true}))
      ;(fields.area ?? this.form.email).focus()
    }
  }

  /** @param {boolean} may */
  #keep(may) {
    this.receipts.isKept = may
    this.#fill()
  }

  #close() {
    this.#gone.abort()
    this.section.remove()
    this.form.form.classList.remove('feedback-away')
  }

  #back() {
    this.#close()
    this.form.element('feedback-receipts').focus()
  }
}
