/** What a page may say. */
import {bring} from './source.js'

const WORD = '[\\w-]+', TEXT = '.+'

/** Each is a property of the element; what has a pattern here is an attribute, too. @type {Record<string, string>} */
export const OPTIONS = {
  product: WORD, lang: WORD, zIndex: WORD, email: TEXT, label: TEXT, mode: 'popover|dialog|inline', position: '(top|bottom)-(start|end)',
  theme: 'light|dark|auto', launcher: 'true|false', context: '', identity: '',
}

/** @param {string} key */
export const attribute = key => key.replace('I', '-i')

/** @param {string} key @param {any} value */
export const fits = (key, value) => RegExp(`^(${OPTIONS[key]})$`).test(value)

/** Says one line about an option on the console, in words that are fetched for it. @param {any[]} about */
export const advise = (...about) => bring('advice').then(({advise}) => advise?.(OPTIONS, ...about))
