// @ts-check
/** The receipt's page: times in the person's own zone and manner (without script they stand there in UTC), its address to
 * copy, and the news once there are any. */
import {copyText} from './clipboard.js'
import {settled} from './status.js'
import {localeOf} from './words.js'

const format = new Intl.DateTimeFormat(localeOf(document.documentElement.lang), {dateStyle: 'long', timeStyle: 'short'})

const ACTIONS = /** @type {Record<string, (button: HTMLElement) => unknown>} */ ({copy, print: () => print()})

/** @returns {HTMLElement | null} */
const receipt = () => document.querySelector('[data-status]')

/** @param {string} text */
function say(text) {
  const status = document.getElementById('feedback-status')
  if (status) status.textContent = text
}

/** Enhances the page. */
function dress() {
  for (const time of document.querySelectorAll('time[datetime]')) {
    const at = new Date(/** @type {HTMLTimeElement} */ (time).dateTime)
    if (!Number.isNaN(at.getTime())) time.textContent = format.format(at)
  }
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('button[data-do]'))) {
    button.hidden = false
    button.addEventListener('click', () => ACTIONS[button.dataset.do ?? '']?.(button))
  }
  offerText().catch(() => undefined) // storage is blocked
}

/** Brings a refused text back into a form, if this browser still has it: as a draft beside the others of this tab. */
async function offerText() {
  const link = /** @type {HTMLElement | null} */ (document.querySelector('[data-do=restore]'))
  if (!link) return
  const {product = ''} = link.dataset
  const {pathname: id} = location
  const [{textOf}, {Kept}] = await Promise.all([import('./receipts.js'), import('./kept.js')])
  const said = textOf(product, id)
  if (!said) return
  const kept = await Kept.of(product, '', true)
  for (const part of [link, document.getElementById('feedback-again')]) part?.removeAttribute('hidden')
  link.onclick = () => {
    const begun = kept.drafts.find(draft => draft.id === id)
    if (begun) kept.take(begun)
    else kept.keep({...said, id})
  }
}

/** @param {HTMLElement} button */
async function copy(button) {
  if (!await copyText(location.href)) return
  const copied = document.getElementById('feedback-status')?.dataset.copied ?? ''
  button.querySelector('span')?.replaceChildren(copied)
  say(copied)
}

/** This page in its present state. Its scripts do not run. @returns {Promise<Document | null>} */
function fetched() {
  return new Promise(resolve => {
    const request = new XMLHttpRequest()
    request.responseType = 'document'
    request.open('GET', location.href)
    request.setRequestHeader('Accept', 'text/html')
    request.onloadend = () => resolve(request.response)
    request.send()
  })
}

/** Waits for a new status, shows and announces it. @returns {Promise<void>} */
async function follow() {
  await settled(location.href)
  const page = await fetched()
  const now = page?.querySelector('[data-status]')
  if (!page || !now) return follow() // the network went meanwhile
  const focused = document.activeElement?.closest('[data-do]')?.getAttribute('data-do')
  receipt()?.replaceWith(document.importNode(now, true))
  document.title = page.title
  dress()
  if (focused) /** @type {HTMLElement | null} */ (document.querySelector(`[data-do="${focused}"]`))?.focus()
  say([...now.querySelectorAll('h1, h1 + p')].map(({textContent}) => textContent).join('. '))
}

dress()
if (receipt()?.dataset.status === 'accepted') follow()
