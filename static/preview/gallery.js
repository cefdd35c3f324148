/** The gallery: frames as high as their pages, a choice that shows at once, and whatever is edited, seen at once. */

const PAUSE = 600 // milliseconds between two looks at the files
const LEAST = 240 // pixels

const choices = /** @type {HTMLFormElement} */ (document.querySelector('#choices'))
const problem = /** @type {HTMLElement} */ (document.querySelector('#fault'))
const frames = [...document.querySelectorAll('iframe')]

choices.addEventListener('change', () => choices.requestSubmit())
for (const frame of frames) {
  if (frame.classList.contains('page')) continue
  frame.addEventListener('load', () => follow(frame))
  if (frame.contentDocument?.readyState === 'complete') follow(frame)
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

let {version} = document.documentElement.dataset

async function look() {
  try {
    if (!document.hidden) {
      const seen = await (await fetch('/version', {cache: 'no-store'})).json()
      problem.textContent = seen.problem
      problem.hidden = !seen.problem
      if (seen.version !== version) {
        version = seen.version
        for (const frame of frames) frame.contentWindow?.location.reload()
      }
    }
  } catch {
    // The preview has been ended, or is being started again.
  }
  setTimeout(look, PAUSE)
}

setTimeout(look, PAUSE)
