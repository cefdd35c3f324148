// @ts-check
/** Entry point of the form's script: tells the form and the host page about each other's looks, about the person and
 * about what happened. `make loader` builds main.js, which pages load, from this file and its imports. */
import {FeedbackForm} from './feedback-form.js'
import {HostLink} from './host-link.js'
/** @import {HostPage, HostWish} from './host-page.js' */

const KEYBOARD = 420 // pixels: a lower window means that a keyboard is open
const LOW = 760 // pixels: in a lower window, only a compact form shows every required field
const TRIES = 3, AGAIN = 1000 // attempts at what is needed for a person, and milliseconds between them
const SLACK = 24 // pixels: more than the sticky actions change the height by

const root = document.documentElement

/** @param {FeedbackForm} form */
function talkToHost(form) {
  const panel = form.closest('main') ?? document.body
  const close = form.element('feedback-close')
  const {frame} = JSON.parse(form.dataset.words ?? '{}')
  const link = new HostLink({
    origins: JSON.parse(form.dataset.origins ?? '[]'), box: panel, title: frame, close: close?.getAttribute('aria-label') ?? undefined,
  })

  form.stage = how => link.stage(how)
  for (const type of ['hello', 'set']) link.addEventListener(type, event => obey(form, /** @type {CustomEvent} */ (event).detail))
  link.addEventListener('close', () => meet(form, page => page.close()))
  link.addEventListener('reset', () => meet(form, async page => {
    await page.reset()
    link.reset()
  }))
  link.addEventListener('focus', event => {
    const title = form.element('feedback-thanks-title') ?? form.element('feedback-receipts-title')
    if (!title) return
    event.preventDefault()
    title.focus()
  })
  close?.addEventListener('click', () => link.escape())
  form.element('feedback-send')?.addEventListener('click', () => submit(form.form))
  offerList(form)
  form.addEventListener('feedback-dirty', () => link.dirty())
  form.addEventListener('feedback-submit', event => event.defaultPrevented || link.submit())
  form.addEventListener('feedback-success', event => link.success(/** @type {CustomEvent} */ (event).detail))
  form.addEventListener('feedback-error', event => link.error(/** @type {CustomEvent} */ (event).detail))

  new ResizeObserver(measure).observe(panel)
  addEventListener('resize', measure)
  visualViewport?.addEventListener('resize', measure)
}

const {theme: own} = root.dataset
const spoken = new URL(location.href).searchParams.get('lang') ?? root.lang
/** @type {Promise<HostPage> | undefined} */
let page
let failures = 0
/** What the page has said before that was loaded. @type {((page: HostPage) => void)[]} */
const wishes = []

/** @param {FeedbackForm} form @param {HostWish} wish */
function obey(form, wish) {
  const {theme, lang, email, sheet, low, place, identity, context} = wish
  if (theme !== undefined) root.dataset.theme = theme ?? own
  if (sheet !== undefined) root.toggleAttribute('data-sheet', sheet)
  if (low !== undefined) root.toggleAttribute('data-low', low)
  if (place) root.dataset.place = place
  if (page || failures || email || identity || context || lang && lang !== spoken || form.element('feedback-identity')) meet(form, page => page.hear(wish))
  else form.recall()
}

/** Loads what handles identity and context, which not every page passes. If that fails, what the page has said waits for
 * the next attempt, in its order: it may name one person after another. A browser may remember that an address failed.
 * @param {FeedbackForm} form @param {(page: HostPage) => void} wish */
function meet(form, wish) {
  wishes.push(wish)
  const address = `./host-page.js${failures ? `?${failures}` : ''}`
  const coming = page ??= import(address).then(({HostPage}) => new HostPage(form))
  coming.then(() => {
    for (const wish of wishes.splice(0)) coming.then(wish).catch(() => undefined)
  }, () => {
    if (page !== coming) return
    page = undefined
    if (failures++ < TRIES) setTimeout(() => meet(form, () => undefined), AGAIN)
    else addEventListener('online', () => meet(form, () => undefined), {once: true})
  })
}

/**
 * In a sandbox without `allow-forms`, a press on Send, or Enter in a field, which is one, submits nothing and tells nobody.
 * The script sends without the browser, so it only lacks the event. @param {HTMLFormElement} form
 */
function submit(form) {
  const gone = new AbortController()
  form.addEventListener('submit', () => gone.abort(), gone)
  setTimeout(() => {
    if (!gone.signal.aborted) form.dispatchEvent(new Event('submit', {bubbles: true, cancelable: true}))
    gone.abort()
  })
}

/** "Your feedback". If its script does not load, the button says why. A browser may remember that an address failed.
 * @param {FeedbackForm} form */
function offerList(form) {
  const button = form.element('feedback-receipts')
  const label = button?.textContent
  let misses = 0
  button?.addEventListener('click', async () => {
    const address = `./receipts-view.js${misses ? `?${misses}` : ''}`
    button.textContent = label
    try {
      await import(address).then(({show}) => show(form))
    } catch {
      misses++
      const words = JSON.parse(form.dataset.words ?? '{}')
      button.textContent = form.element('feedback-status').textContent = words[navigator.onLine ? 'lost' : 'offline']
      addEventListener('online', () => { button.textContent = label }, {once: true})
    }
  })
}

/** What CSS cannot know: whether something is out of view, and whether a keyboard is open. */
function measure() {
  const hidden = root.scrollHeight - innerHeight
  root.toggleAttribute('data-scrolls', hidden > (root.hasAttribute('data-scrolls') ? 0 : SLACK))
  if (parent === window) root.toggleAttribute('data-low', innerHeight < LOW)
  root.toggleAttribute('data-keyboard', (visualViewport?.height ?? innerHeight) < KEYBOARD)
}

FeedbackForm.define()
const form = document.querySelector('feedback-form')
if (form instanceof FeedbackForm) talkToHost(form)
