// @ts-check
/** Lets the form and the page that frames it know of each other: looks, address, what happened. */
import {HostLink} from './host-link.js'
/** @import {FeedbackForm} from './feedback-form.js' */
/** @import {HostWish} from './host-link.js' */

const KEYBOARD = 420 // pixels: less than that is left when a keyboard is up
const SLACK = 24 // pixels: more than the sticky actions themselves change the height by

const root = document.documentElement

/** @param {FeedbackForm} form */
export function talkToHost(form) {
  const panel = form.closest('main') ?? document.body
  const close = form.piece('feedback-close')
  const {frame} = JSON.parse(form.dataset.words ?? '{}')
  const link = new HostLink({
    origins: JSON.parse(form.dataset.origins ?? '[]'), box: panel, title: frame, close: close?.ariaLabel ?? undefined,
  })

  /** @param {Event} event */
  const wish = event => obey(form, /** @type {CustomEvent<HostWish>} */ (event).detail)
  link.addEventListener('hello', wish)
  link.addEventListener('set', wish)
  link.addEventListener('close', () => {
    if (form.form.hidden) form.wake().then(desk => desk.sending.another({focus: false})).then(() => speak(true)).catch(() => undefined)
    else speak(form.isUntouched)
  })
  link.addEventListener('focus', event => {
    const title = form.piece('feedback-thanks-title')
    if (title) event.preventDefault(), title.focus()
  })
  close?.addEventListener('click', () => link.escape())
  form.addEventListener('feedback-dirty', () => link.dirty())
  form.addEventListener('feedback-submit', event => event.defaultPrevented || link.submit())
  form.addEventListener('feedback-success', event => link.success(/** @type {CustomEvent} */ (event).detail))
  form.addEventListener('feedback-error', event => link.error(/** @type {CustomEvent} */ (event).detail))

  new ResizeObserver(measure).observe(panel)
  addEventListener('resize', measure)
  visualViewport?.addEventListener('resize', measure)
}

/** The language that the host page asked for last. */
let asked = ''

/** @param {FeedbackForm} form @param {HostWish} wish */
function obey(form, {theme, lang, email, sheet, identity, context}) {
  if (theme) root.dataset.theme = theme
  if (email !== undefined) form.prefill(email)
  if (identity || context) hear(form, {identity, context})
  if (sheet !== undefined) root.toggleAttribute('data-sheet', sheet)
  if (lang) asked = lang
  speak(form.isUntouched)
}

/** In the language asked for, by another page: only where nothing would be lost; else once that is so. @param {boolean} may */
function speak(may) {
  const url = new URL(location.href)
  if (!asked || asked === (url.searchParams.get('lang') ?? root.lang) || !may) return
  url.searchParams.set('lang', asked)
  location.replace(url)
}

/** Not every page tells as much. @param {FeedbackForm} form @param {HostWish} wish */
async function hear(form, {identity, context}) {
  const page = await import('./host-page.js')
  if (identity) page.adopt(form, identity)
  if (context) page.tell(form, context)
}

/** What CSS cannot know: whether something is out of sight, and whether a keyboard is up. */
function measure() {
  const hidden = root.scrollHeight - innerHeight
  root.toggleAttribute('data-scrolls', hidden > (root.hasAttribute('data-scrolls') ? 0 : SLACK))
  root.toggleAttribute('data-keyboard', (visualViewport?.height ?? innerHeight) < KEYBOARD)
}
