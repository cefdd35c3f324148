/** The gallery: frames as high as their pages, with what check finds in them, a choice that shows at once, and whatever is edited, seen at once. */

const PAUSE = 600 // milliseconds between two looks at the files
const LEAST = 240 // pixels

const choices = /** @type {HTMLFormElement} */ (document.querySelector('#choices'))
const problem = /** @type {HTMLElement} */ (document.querySelector('#fault'))
const frames = [...document.querySelectorAll('iframe')]

choices.addEventListener('change', () => choices.requestSubmit())
for (const frame of frames) {
  if (frame.classList.contains('page')) continue
  frame.addEventListener('load', () => loaded(frame))
  const page = frame.contentDocument
  if (page?.readyState === 'complete' && page.URL !== 'about:blank') loaded(frame)
}

/** @param {HTMLIFrameElement} frame */
function loaded(frame) {
  follow(frame)
  const place = /** @type {HTMLElement | null | undefined} */ (frame.closest('.cell')?.querySelector('.findings'))
  if (place && frame.matches(':first-child')) tell(place).catch(() => { place.hidden = true })
}

/** Shows what check finds in the page of a cell, below its frames. @param {HTMLElement} place */
async function tell(place) {
  /** @type {Record<string, string>[]} */
  const findings = await (await fetch(place.dataset.from ?? '', {cache: 'no-store'})).json()
  place.querySelector('ul')?.replaceChildren(...findings.map(item))
  place.hidden = !findings.length
}

/** @param {Record<string, string>} finding */
function item({level, at, message, fix}) {
  const template = /** @type {HTMLTemplateElement} */ (document.querySelector('#finding'))
  const made = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true))
  made.dataset.level = level
  const words = {level: level === 'wrong' ? 'Wrong' : 'Notice', at, message, fix}
  for (const [name, text] of Object.entries(words)) {
    const element = made.querySelector(`.${name}`)
    if (text && element) element.textContent = text
    else element?.remove()
  }
  return made
}

/** Keeps a frame as high as its page. @param {HTMLIFrameElement} frame */
function follow(frame) {
  const box = frame.contentDocument?.querySelector('main')
  if (!box) return
  const fit = () => {
    const body = frame.contentDocument?.querySelector('.feedback-body') ?? box
    const {top} = box.getBoundingClientRect()
    frame.style.blockSize = `${Math.max(LEAST, Math.ceil(Math.max(body.getBoundingClientRect().bottom, body.scrollHeight) + Math.min(top, 48)))}px`
  }
  new ResizeObserver(fit).observe(frame.contentDocument?.querySelector('.feedback-body') ?? box)
  fit()
}

/** Frames in or near the window, and those further away that show what was there before an edit. */
const near = new Set(), stale = new Set()
const watch = new IntersectionObserver(entries => {
  for (const {target, isIntersecting} of entries) {
    const frame = /** @type {HTMLIFrameElement} */ (target)
    if (!isIntersecting) near.delete(frame)
    else if (near.add(frame) && stale.delete(frame)) reload(frame)
  }
}, {rootMargin: '50%'})
for (const frame of frames) watch.observe(frame)

/** Not before its first load, which brings what is there by then. @param {HTMLIFrameElement} frame */
function reload(frame) {
  if (frame.contentDocument?.URL !== 'about:blank') frame.contentWindow?.location.reload()
}

let {version} = document.documentElement.dataset

async function look() {
  try {
    if (!document.hidden) {
      const seen = await (await fetch('/version', {cache: 'no-store'})).json()
      problem.textContent = seen.problem
      problem.hidden = !seen.problem
      if (seen.version !== version) {
        version = seen.version
        for (const frame of frames) if (near.has(frame)) reload(frame); else stale.add(frame)
      }
    }
  } catch {
    // The preview has been ended, or is being started again.
  }
  setTimeout(look, PAUSE)
}

setTimeout(look, PAUSE)
