/** The options of a page. */
import {bring} from './source.js'

const WORD = '[-\\w]+', TEXT = '.+'

/** Each is a property of the element; those with a pattern are attributes, too. Pages may extend Object.prototype. @type {any} */
export const OPTIONS = {
  __proto__: null, product: WORD, email: TEXT, theme: 'light|dark|auto', position: '(top|bottom)-(start|end)', lang: WORD,
  mode: 'popover|dialog|inline', identity: '', label: TEXT, launcher: 'true|false', context: '', zIndex: '-?\\d+',
}

/** The attribute of an option: `zIndex` is `z-index`. @param {string} key */
export const attribute = key => key.replace('I', '-i')

/** @param {string} key @param {any} value */
export const fits = (key, value) => RegExp('^(' + OPTIONS[key] + ')$').test(value)

/** Reports an option on the console in one line, whose text is loaded on demand. @param {any[]} about */
export const advise = (...about) => bring('advice').then(({advise}) => advise?.(OPTIONS, ...about))
