/** The snippet builder: every choice updates the preview and the texts to copy. The texts come from the server. */

/** @typedef {{id: string, title: string, text: string, note: string}} Block */

const choices = /** @type {HTMLFormElement} */ (document.querySelector('#choices'))
const blocks = /** @type {HTMLElement} */ (document.querySelector('#blocks'))
const live = /** @type {HTMLIFrameElement} */ (document.querySelector('#live'))
const problem = /** @type {HTMLElement} */ (document.querySelector('#fault'))
const said = /** @type {HTMLElement} */ (document.querySelector('#said'))
const template = /** @type {HTMLTemplateElement} */ (document.querySelector('#block'))
const LASTS = 2000 // milliseconds for which a button shows what it did

let turn = 0

/** Shows the current choice. An answer that a later choice has overtaken is ignored. */
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

/** Disables options that have no effect. */
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
    // Without access to the clipboard: select the text, so that people can copy it with a key.
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
show() // show choices that were made before this script ran
