/** The builder: what is chosen is seen and ready to copy at once. The texts come from the server, which alone knows them. */

/** @typedef {{id: string, title: string, text: string, note: string}} Block */

const choices = /** @type {HTMLFormElement} */ (document.querySelector('#choices'))
const blocks = /** @type {HTMLElement} */ (document.querySelector('#blocks'))
const live = /** @type {HTMLIFrameElement} */ (document.querySelector('#live'))
const problem = /** @type {HTMLElement} */ (document.querySelector('#fault'))
const said = /** @type {HTMLElement} */ (document.querySelector('#said'))
const template = /** @type {HTMLTemplateElement} */ (document.querySelector('#block'))
const LASTS = 2000 // milliseconds that a button says what it did

let turn = 0

/** Shows what is chosen. An answer that was overtaken by a later choice is left unread. */
async function show() {
  const mine = ++turn
  const query = new URLSearchParams(/** @type {any} */ (new FormData(choices)))
  history.replaceState(null, '', `?${query}`)
  const answer = await fetch(`${choices.dataset.from}?${query}`, {cache: 'no-store'})
  /** @type {{blocks: Block[], live: string, problem: string}} */
  const now = await answer.json()
  if (mine !== turn) return
  problem.textContent = now.problem
  problem.hidden = !now.problem
  blocks.replaceChildren(...now.blocks.map(made))
  if (live.src !== new URL(now.live, location.href).href) live.src = now.live
  fit()
}

/** @param {Block} block */
function made({id, title, text, note}) {
  const section = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true))
  const [heading, button, code, words] = ['h2', 'button', 'pre', '.note'].map(name => /** @type {HTMLElement} */ (section.querySelector(name)))
  section.id = `block-${id}`
  heading.id = `title-${id}`
  section.setAttribute('aria-labelledby', heading.id)
  heading.textContent = title
  button.setAttribute('aria-label', `Copy: ${title}`)
  code.firstElementChild?.append(text)
  words.textContent = note
  words.hidden = !note
  return section
}

/** What has no effect cannot be chosen. */
function fit() {
  const {stack, mode} = Object.fromEntries(new FormData(choices))
  const isFrame = stack === 'iframe'
  const idle = {mode: isFrame, position: isFrame || mode === 'inline', launcher: isFrame || mode === 'inline'}
  for (const [name, is] of Object.entries(idle)) {
    for (const input of choices.querySelectorAll(`#choice-${name} input`)) input.toggleAttribute('aria-disabled', is)
    document.querySelector(`#choice-${name}`)?.toggleAttribute('data-idle', is)
  }
}

/** @param {HTMLElement} button */
async function copy(button) {
  const text = button.parentElement?.querySelector('code')?.textContent ?? ''
  try {
    await navigator.clipboard.writeText(text)
    tell(button, 'Copied')
  } catch {
    // Without the right to the clipboard: select it, so that a key copies it.
    const code = button.parentElement?.querySelector('code')
    if (code) getSelection()?.selectAllChildren(code)
    tell(button, 'Selected')
  }
}

/** @param {HTMLElement} button @param {string} word */
function tell(button, word) {
  button.textContent = word
  said.textContent = `${word}: ${button.parentElement?.querySelector('h2')?.textContent}`
  setTimeout(() => { button.textContent = 'Copy' }, LASTS)
}

choices.addEventListener('submit', event => event.preventDefault())
choices.addEventListener('change', show)
blocks.addEventListener('click', event => {
  const button = /** @type {HTMLElement} */ (event.target)
  if (button.matches('.copy')) copy(button)
})
for (const button of blocks.querySelectorAll('.copy')) button.removeAttribute('hidden')
show() // what was chosen before this script ran is shown, too
