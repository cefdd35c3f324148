// @ts-check
/** Keeps the overview up to date: asks for the parts that have changed, and puts them in place. */

const EVERY = 5000
const board = /** @type {HTMLElement} */ (document.querySelector('[data-live]'))
const liveRegion = /** @type {HTMLElement} */ (document.getElementById('status'))
/** @type {Map<string, string>} */
const shown = new Map()
const follow = /** @type {HTMLElement} */ (document.getElementById('follow'))
const at = /** @type {HTMLElement} */ (document.getElementById('at'))
let verdict = board.dataset.verdict

/** The policy lets through what this service itself has rendered, and nothing else has this name. */
const policy = /** @type {any} */ (window).trustedTypes?.createPolicy('feedback-ops', {
  createHTML: (/** @type {string} */ text) => text,
})

/** @param {string} name @param {string} html */
function replace(name, html) {
  const section = /** @type {HTMLElement} */ (board.querySelector(`[data-section="${name}"]`))
  const isUsed = section.contains(document.activeElement)
  if (shown.get(name) === html || (isUsed && document.activeElement !== document.body)) return
  const open = new Set([...section.querySelectorAll('details[open]')].map((each) => each.getAttribute('data-key')))
  section.innerHTML = /** @type {string} */ (policy ? policy.createHTML(html) : html)
  for (const each of section.querySelectorAll('details')) each.open = open.has(each.getAttribute('data-key'))
  shown.set(name, html)
}

async function look() {
  const answer = await fetch(board.dataset.live ?? '', { headers: { Accept: 'application/json' } })
  if (answer.status === 401) return location.reload() // the session is over
  if (!answer.ok) return
  const live = /** @type {{at: string, verdict: string, sections: Record<string, string>}} */ (await answer.json())
  for (const [name, html] of Object.entries(live.sections)) replace(name, html)
  at.textContent = live.at
  if (verdict !== live.verdict) liveRegion.textContent = live.verdict
  verdict = live.verdict
}

/** Unless the operator wants the page to stay as it is, to read it in peace. */
async function keepLooking() {
  const isFollowed = /** @type {HTMLInputElement} */ (follow.firstElementChild).checked
  if (isFollowed && !document.hidden) await look().catch(() => {}) // the next look may be answered
  setTimeout(keepLooking, EVERY)
}

follow.hidden = false
keepLooking()
