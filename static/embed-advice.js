/**
 * The console's messages: one line for each problem, with its remedy. The loader, the panel and
 * data-debug import it when they have something to report.
 */

/** The service, by a link: `URL` is a name that pages take for their own, as are `Map` and `Set`. */
export const service = Object.assign(document.createElement('a'), {href: import.meta.url.replace(/static\/[^/]*$/, '')})
/** @type {Record<string, true>} */
const reported = Object.create(null)
const EVENTS = ['isTrusted', 'nativeEvent'] // keys of events
/** @type {string[]} */
let unknown = []

/** An element without a product. @type {[string, string]} */
export const NAMELESS = ['An <insider-feedback> names no product.', 'Add product="…" with the product\'s slug.']

/** A page that no entry of a product's origins can allow. @type {[string, string]} */
export const ORIGINLESS = location.protocol === 'file:'
  ? ['This page is a file, and a file has no origin.', 'Serve it, for example with `python3 -m http.server`.']
  : ['This page is in a sandbox without allow-same-origin.', 'Add allow-same-origin to the frame around it.']

/** What each code of the loader means here, and how to fix it. @type {Record<string, (product: string) => [string, string]>} */
const CODES = {
  offline: () => ['This device is offline.', ''],
  script_blocked: () => ['embed-panel.js did not load.', `Add ${service.origin} to the page's script-src, or find out what else blocks it, such as an ad blocker.`],
  host_policy: () => ["The page's own policy forbids the frame.", `Add ${service.origin} to frame-src.`],
  frame_refused: () => self.origin === 'null' ? ORIGINLESS : ['The service answers, but its form may not be framed here.', `Add "${location.origin}" to the product's origins in widget.toml.${around()}`],
  frame_blocked: () => ["The form's address does not answer this page.", 'Is the service running? Is an ad blocker or a proxy in the way? Does connect-src keep the loader from finding out?'],
  product_unknown: product => product ? [`The service has no product "${product}".`, 'Correct data-product, or create the product with `widget new`.'] : NAMELESS,
}

/** The pages that frame this page must be allowed, too. */
export function around() {
  const others = [...location.ancestorOrigins ?? []].filter(origin => origin !== location.origin)
  return others.length ? ` This page is itself in a frame: add ${others.join(', ')}, too.` : ''
}

/** What a code means, and what to do. @param {string} code @param {string} product @returns {[string, string]} */
export function meaning(code, product) {
  return CODES[code]?.(product) ?? [`The form reported ${code}.`, '']
}

/** Says why the form could not be shown. @param {string} code @param {string} product */
export function explain(code, product) {
  const [message, fix] = meaning(code, product)
  say(`${code}: ${message} ${fix}`.trim(), 'events')
}

/** @param {string} text @param {string} [chapter] */
export function say(text, chapter = 'attributes') {
  if (!reported[text]) console.warn(`[feedback] ${text} See docs/embedding.md#${chapter}.`)
  reported[text] = true
}

const NONE = 'There is no element yet. The call waits for one: give the script tag data-product="…" or, without a tag, the options a product.'
const INLINE = "There is no popover or dialog yet. The call waits for one. Reach an inline form by its element: document.querySelector('insider-feedback').set(…)."

/**
 * Reports an option that was ignored or, without one, a call that waits.
 *
 * @param {Record<string, string>} options the known options, each with the pattern of its values
 * @param {string} [key] @param {unknown} [value]
 */
export function advise(options, key, value) {
  if (key === undefined) return say(document.querySelector('insider-feedback') ? INLINE : NONE, 'methods')
  if (/^\d+$/.test(key)) return say("Options must be an object such as {theme: 'dark'}, not a text.")
  if (key in options) return say(`${key} cannot be ${shown(value)}: ${wanted(key, options[key])}.`)
  if (!unknown.length) setTimeout(() => report(options))
  unknown.push(key)
}

/** Reports options that do not exist, all of one call. An event is not meant as options: `onclick = InsiderFeedback.open` passes
 * one, and so does React, with keys of its own. @param {Record<string, string>} options */
function report(options) {
  if (!EVENTS.some(key => unknown.includes(key))) for (const key of unknown) {
    if (key === 'test') say('test cannot be set: write data-test on the script tag, test on the element, or data-feedback-test on html.')
    else say(`There is no option ${key}: there are ${Object.keys(options).join(', ')}.`)
  }
  unknown = []
}

/** The attributes, and the patterns of their values. @type {Record<string, string>} */
const ATTRIBUTES = Object.assign(Object.create(null), {
  mode: 'popover|dialog|inline', position: 'bottom-end|bottom-start|top-end|top-start', theme: 'light|dark|auto', launcher: 'true|false',
  product: '[\\w-]+', label: '.+', email: '.+', lang: '[\\w-]+', 'z-index': '-?\\d+',
})

/**
 * Attributes of an element or, with the prefix `data-`, of a tag that have a wrong value or only resemble an option: what
 * is wrong, and what to write.
 *
 * @param {Element} element @param {string} [prefix] @returns {Generator<[string, string]>}
 */
export function* mistakes(element, prefix = '') {
  if (!prefix && element.slot === 'insider-feedback' && element.getAttribute('mode') === 'inline') yield ['The form of the script tag is at the end of the page.', 'Write <insider-feedback product="…" mode="inline"></insider-feedback> where it belongs.']
  if (!prefix && holds(element)) yield ['The page goes on inside an <insider-feedback>, where nothing of it shows.', 'Close it: <insider-feedback …></insider-feedback>.']
  for (const {name, value} of element.attributes) {
    const key = name.slice(prefix.length)
    const pattern = ATTRIBUTES[key]
    if (!name.startsWith(prefix)) continue
    if (pattern && value && !RegExp(`^(${pattern})$`).test(value)) {
      const wish = wanted(key, pattern)
      yield [`${name} cannot be ${shown(value)}.`, `${wish[0].toUpperCase()}${wish.slice(1)}.`]
    }
    const near = pattern || Object.keys(ATTRIBUTES).find(option => isNear(option, key))
    if (!pattern && near) yield [`There is no ${name}.`, `Write ${prefix}${near}.`]
  }
}

/**
 * Whether an element seems to hold the rest of the page: HTML takes no notice of the slash in `<insider-feedback … />`. A
 * link for browsers without scripts has something behind the end tag, if only a line break.
 *
 * @param {Element} element
 */
function holds(element) {
  return element.firstElementChild && !element.nextSibling
}

/** Whether the two differ by one added, missing or changed letter. @param {string} one @param {string} other */
function isNear(one, other) {
  let same = 0
  while (same < one.length && one[same] === other[same]) same++
  const rest = [[1, 0], [0, 1], [1, 1]]
  return one.length > 3 && rest.some(([a, b]) => one.slice(same + a) === other.slice(same + b))
}

/** Says on the console what is wrong in the attributes of an element, or of a tag. @param {Element} element @param {string} [prefix] */
export function review(element, prefix) {
  if (!prefix && !element.slot && !element.getAttribute('product')) say(NAMELESS.join(' '))
  for (const mistake of mistakes(element, prefix)) say(mistake.join(' '))
}

/** @param {unknown} value anything, such as what JSON cannot write */
function shown(value) {
  try {
    return Number.isNaN(value) ? 'NaN' : JSON.stringify(value) ?? String(value)
  } catch {
    return typeof value
  }
}

/** What a pattern does not say by itself. @type {Record<string, string>} */
const WANTED = {
  product: "write the product's slug",
  lang: 'write a language tag, as in pt-BR',
  zIndex: 'write a whole number',
  'z-index': 'write a whole number',
  position: 'write bottom-end, bottom-start, top-end or top-start',
}

/** @param {string} key @param {string} pattern */
function wanted(key, pattern) {
  if (/^[a-z|]+$/.test(pattern)) return `write ${pattern.replaceAll('|', ' or ')}`
  return WANTED[key] ?? 'write a text'
}
