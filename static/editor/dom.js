// @ts-check

/** Style sheets that are there, or on their way. @type {Map<string, Promise<void>>} */
const styles = new Map()

const SVG = 'http://www.w3.org/2000/svg'

/** Makes an element. @param {string} tag @param {Record<string, any>} [attributes] a function listens, `false` and `undefined` are left out
 * @param {(Node | string)[]} children @returns {any} */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

/** Makes a part of a drawing. @param {string} tag @param {Record<string, any>} [attributes] @param {Node[]} children @returns {any} */
export function drawn(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

/** @param {Element} element @param {Record<string, any>} attributes @param {(Node | string)[]} children */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (value !== undefined && (value !== false || name.startsWith('aria-'))) element.setAttribute(name, String(value))
  }
  element.append(...children)
  return element
}

/** @param {string} path @returns {SVGElement} */
export const icon = path => drawn('svg', {viewBox: '0 0 20 20', 'aria-hidden': 'true', class: 'feedback-icon'}, drawn('path', {d: path}))

/** Loads a style sheet of this folder. Rejected if that fails. @param {string} name @returns {Promise<void>} */
export function dress(name) {
  const known = styles.get(name) ?? new Promise((resolve, reject) => {
    const link = make('link', {rel: 'stylesheet', href: new URL(name, import.meta.url).href, load: resolve, error: () => {
      styles.delete(name)
      link.remove()
      reject(new Error(name))
    }})
    document.head.append(link)
  })
  styles.set(name, known)
  return known
}
