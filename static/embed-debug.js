/**
 * Says in the host page why the form would not work there: `data-debug` on the script tag loads it, nobody else does.
 * It does what a person would do, listens for blocked requests, and reads the page's own policies. What only the
 * headers of answers show, `widget doctor` finds.
 *
 * @typedef {'good' | 'wrong' | 'notice'} Level
 */

import {NAMELESS, ORIGINLESS, around, meaning, mistakes, service} from './embed-advice.js'

const RULING = ['script-src-elem', 'script-src', 'frame-src', 'child-src', 'connect-src', 'default-src', 'sandbox']
/** Which directives rule, the first that there is. @type {Record<string, string[]>} */
const RULERS = {
  'script-src-elem': ['script-src-elem', 'script-src', 'default-src'],
  'frame-src': ['frame-src', 'child-src', 'default-src'],
}
const PATIENCE = 15_000 // milliseconds: longer than the loader waits for the form
const MARKS = {good: '✓', wrong: '✗', notice: '!'}

const style = new CSSStyleSheet()
style.replaceSync(`
:host{position:fixed;inset:16px auto auto 16px;z-index:2147483647;max-width:min(440px,calc(100vw - 32px));max-height:calc(100vh - 32px);overflow:auto;
color-scheme:light dark;padding:16px 20px;border:1px solid light-dark(#8f877c,#8b8378);border-radius:12px;background:light-dark(#fff,#1f1d1b);
color:light-dark(#26221d,#f3efe9);font:15px/1.45 system-ui,sans-serif;box-shadow:0 12px 32px -8px #0006}
header{display:flex;justify-content:space-between;align-items:center;gap:16px;font-weight:600}
button{min-width:44px;min-height:44px;border:0;border-radius:12px;background:none;color:inherit;font:inherit;cursor:pointer}
button:hover{background:light-dark(#f7f5f2,#2a2724)}
ul{margin:0;padding:0;list-style:none}
li{display:grid;grid-template-columns:20px 1fr;padding-block:4px;overflow-wrap:anywhere}
li span{grid-column:2;color:light-dark(#675f56,#b8b0a5)}
.good b{color:light-dark(#1d6b48,#8fd8b1)}
.wrong b{color:light-dark(#b3261e,#ffb4a9)}
.notice b{color:light-dark(#7a5200,#f3c56b)}`)

/** @param {Node} parent @param {string} tag @param {string} [text] @returns {HTMLElement} */
function add(parent, tag, text = '') {
  const element = document.createElement(tag)
  element.textContent = text
  parent.appendChild(element)
  return element
}

const box = document.createElement('insider-feedback-debug')
const root = box.attachShadow({mode: 'open'})
root.adoptedStyleSheets = [style]
const header = add(root, 'header', 'Feedback on this page')
const list = add(root, 'ul')
const close = add(header, 'button', '✕')
close.ariaLabel = 'Close'
close.onclick = () => box.remove()

/** @type {Record<string, true>} */
const reported = Object.create(null)

/** @param {Level} level @param {string} message @param {string} [fix] */
function tell(level, message, fix = '') {
  if (reported[message]) return
  reported[message] = true
  const row = add(list, 'li')
  row.className = level
  add(row, 'b', MARKS[level])
  row.append(message)
  if (fix) add(row, 'span', fix)
  console[level === 'wrong' ? 'warn' : 'info'](`[feedback] ${MARKS[level]} ${message} ${fix}`)
}

/**
 * The whole directive to write. It overrides `default-src`, so it repeats what is allowed there.
 *
 * @param {string} policy @param {string} effective the directive that was asked
 */
function line(policy, effective) {
  const directives = policy.split(';').map(directive => directive.trim().split(/\s+/))
  const ruling = (RULERS[effective] ?? [effective, 'default-src']).map(name => directives.find(([first]) => first.toLowerCase() === name)).find(Boolean) ?? []
  const name = !ruling.length || ruling[0] === 'default-src' ? effective.replace('-elem', '') : ruling[0]
  return [name, ...ruling.slice(1).filter(source => source !== "'none'" && source !== service.origin), service.origin].join(' ')
}

/** What is in the page. */
function look() {
  const tag = [...document.scripts].find(({src}) => src.startsWith(service.href + 'embed') && /\/embed\.js(\?|$)/.test(src))
  const elements = [...document.querySelectorAll('insider-feedback')]
  if (!elements.length) tell('wrong', 'There is no <insider-feedback> in the page.', 'Give the script tag data-product="…".')
  if (elements.some(element => !element.getAttribute('product'))) tell('wrong', ...NAMELESS)
  if (tag?.integrity && tag.src.startsWith(service.href + 'embed.js')) tell('wrong', 'integrity allows only one version of the script.', 'Leave it out, or take the tag that widget check prints.')
  if (location.protocol === 'https:' && service.protocol === 'http:' && !/^(.+\.)?localhost$|^127\./.test(service.hostname)) {
    tell('wrong', `The page is https, and ${service.origin} is not: mixed content.`, 'Write https in the script tag.')
  }
  if (self.origin === 'null') tell('wrong', ...ORIGINLESS)
  if (self !== top) tell('notice', 'This page is in a frame.', around().trim())
  if (tag) for (const mistake of mistakes(tag, 'data-')) tell('wrong', ...mistake)
  for (const element of elements) for (const mistake of mistakes(element)) tell('wrong', ...mistake)
  return elements
}

/** What the page's answer and its meta tags say: named where a rule applies to us, so that people know which line to change. */
async function read() {
  const policies = [...document.querySelectorAll('meta[http-equiv="Content-Security-Policy" i]')].map(meta => meta.getAttribute('content') ?? '')
  /** @type {Headers | undefined} */
  let headers
  try {
    headers = (await fetch(location.href, {cache: 'force-cache'})).headers
  } catch {
    tell('notice', "This page's own headers cannot be read.", 'Its policy forbids it; widget doctor reads them.')
  }
  policies.push(...(headers?.get('content-security-policy') ?? '').split(','))
  for (const directive of policies.flatMap(policy => policy.split(';')).map(directive => directive.trim())) {
    if (RULING.includes(directive.split(/\s/)[0].toLowerCase())) tell('notice', `The page's policy: ${directive}`)
  }
  const isolation = headers?.get('cross-origin-embedder-policy')
  if (isolation && isolation !== 'unsafe-none') tell('notice', `The page is isolated: ${isolation}. The service's headers allow that, unless a proxy removes them.`)
  const permissions = headers?.get('permissions-policy')
  if (permissions?.includes('clipboard-write')) tell('notice', `Permissions-Policy: ${permissions}`, `Copying needs clipboard-write=(self "${service.origin}").`)
}

/** Loads the form, as a person would who points at the button. @param {any} element */
async function attempt(element) {
  const product = element.getAttribute('product')
  const ended = new AbortController()
  const {signal} = ended
  /** @type {Promise<[Level, string, string]>} */
  const outcome = new Promise(resolve => {
    const late = setTimeout(() => resolve(['notice', `${product}: the form has not answered yet.`, 'It may be far down the page.']), PATIENCE)
    signal.addEventListener('abort', () => clearTimeout(late))
    element.addEventListener('feedback-ready', () => resolve(['good', `${product}: the form has loaded and talks to this page.`, '']), {signal})
    element.addEventListener('feedback-error', (/** @type {CustomEvent} */ event) => {
      const [message, fix] = meaning(event.detail.code, product)
      resolve(['wrong', `${product}: ${message}`, fix])
    }, {signal})
  })
  await element.load()
  tell(...await outcome)
  ended.abort()
}

async function report() {
  document.body.append(box)
  document.addEventListener('securitypolicyviolation', ({blockedURI, effectiveDirective, originalPolicy, disposition}) => {
    if (!blockedURI.startsWith(service.origin)) return
    tell(disposition === 'enforce' ? 'wrong' : 'notice', `${effectiveDirective} blocks ${blockedURI}.`, `Add ${service.origin}: ${line(originalPolicy, effectiveDirective)}`)
  })
  tell('good', `The script was loaded from ${service.origin}.`)
  const elements = look()
  await Promise.all([read(), ...elements.map(attempt)])
}

if (!document.querySelector('script[data-debug=false]')) await report() // frameworks write "false" where it is off
