// @ts-check
/** What the host page knows: who the person is, signed by its server, and what it tells about itself. The server checks both. */
/** @import {FeedbackForm} from './feedback-form.js' */

const KEYS = 10, KEY = 40, VALUE = 300

/** Takes over a signed identity: the address stands in the form, and may not be changed where the product says so.
 * @param {FeedbackForm} form @param {string} identity */
export function adopt(form, identity) {
  const field = form.piece('identity')
  const email = emailOf(identity)
  if (!field || !email) return
  const {email: kind} = field.dataset
  field.value = identity
  if (kind === 'prefill') form.prefill(email)
  if (kind !== 'read-only' && kind !== 'hidden') return
  form.email.value = form.email.defaultValue = email
  form.email.readOnly = true
  const place = form.email.closest('.feedback-field')
  if (place instanceof HTMLElement) place.hidden = kind === 'hidden'
}

/** The address in a token, for the person to see. @param {string} identity */
function emailOf(identity) {
  try {
    const claims = identity.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(claims), character => character.charCodeAt(0))
    return String(JSON.parse(new TextDecoder().decode(bytes)).email ?? '')
  } catch {
    return ''
  }
}

/** Shows what the page adds, and sends it along. @param {FeedbackForm} form @param {Record<string, unknown>} context */
export function tell(form, context) {
  const details = form.piece('feedback-context')
  const pairs = Object.entries(context).map(([key, value]) => [line(key), shown(value)])
  const kept = pairs.filter(([key, value]) => key && value && key.length <= KEY).slice(0, KEYS)
  if (!details) return
  details.hidden = !kept.length
  details.querySelector('dl').replaceChildren(...kept.map(([key, value]) => {
    const row = document.createElement('div')
    row.append(named('dt', key), named('dd', value))
    return row
  }))
  form.piece('context').value = kept.length ? JSON.stringify(Object.fromEntries(kept)) : ''
}

/** @param {string} name @param {string} text */
function named(name, text) {
  const element = document.createElement(name)
  element.textContent = text
  return element
}

/** @param {string} text */
function line(text) {
  return text.replace(/\s+/g, ' ').trim()
}

/** Of an address, neither query nor fragment: that is where tokens are. @param {unknown} value */
function shown(value) {
  if (!['string', 'number', 'boolean'].includes(typeof value)) return ''
  const text = line(String(value)).slice(0, VALUE)
  if (!/^https?:\/\//i.test(text)) return text
  if (!URL.canParse(text)) return ''
  const {origin, pathname} = new URL(text)
  return origin + pathname
}
