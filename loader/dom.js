/** Elements and styles of a shadow root. The panel uses them, too. */
import {bring} from './source.js'

/** Adds an element to another. @param {ParentNode} parent @param {string} name @param {any} [attributes] @param {any} [text] @returns {any} */
export const add = (parent, name, attributes = {}, text = '') => {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(text)
  parent.append(element)
  return element
}

/**
 * Styles a shadow root without an element, so that no policy of the page can block it. Browsers that lack `light-dark`
 * (Chrome 109, Safari 16, Firefox ESR 115) get simpler styles, from a module of their own.
 *
 * @param {ShadowRoot} root @param {string} css
 */
export const dress = (root, css) => {
  if (CSS.supports?.('color:light-dark(#fff8,#fff2)') == false) return bring('old').then(({dress}) => dress?.(root, css))
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  root.adoptedStyleSheets.push(sheet)
}
