// @ts-check
/** Suggests the likely domain for a typing error in a common one. People decide. Loaded once an address has been
 * typed. */
/** @import {FormController} from './form-controller.js' */

const DOMAINS = [
  'gmail.com', 'googlemail.com', 'outlook.com', 'hotmail.com', 'yahoo.com', 'icloud.com', 'protonmail.com', 'mail.com', 'ymail.com',
  'hotmail.co.uk', 'yahoo.co.uk', 'hotmail.fr', 'yahoo.fr', 'orange.fr', 'outlook.fr', 'outlook.de', 'yahoo.de', 'libero.it',
  'naver.com', 'qq.com', '163.com', 'proton.me', 'fastmail.com', 'email.com', 'hotmail.de', 'hotmail.es', 'hotmail.it', 't-online.de', 'laposte.net', 'wanadoo.fr',
  'yandex.com', 'yandex.ru', 'hanmail.net', 'aol.com', 'msn.com', 'live.com', 'gmx.net',
]
const SHORTEST = 8 // characters: what differs from a shorter one before its ending may be a real domain
const REGIONS = new Intl.DisplayNames('en', {type: 'region', fallback: 'none'})
let hint = document.createElement('p')

/** @param {FormController} controller */
export function suggest(controller) {
  const {email} = controller.form
  const meant = nearest(email.value.trim())
  hint.remove()
  if (!meant || email.readOnly) return
  hint = document.createElement('p')
  hint.className = 'feedback-hint'
  const button = Object.assign(document.createElement('button'), {type: 'button', className: 'feedback-link'})
  button.textContent = controller.words.say('email.meant', {name: meant})
  button.addEventListener('click', () => {
    email.value = meant
    hint.remove()
    email.focus()
    email.dispatchEvent(new Event('input', {bubbles: true}))
  })
  email.addEventListener('input', () => hint.remove(), {once: true})
  controller.form.addEventListener('feedback-turn', () => hint.remove(), {once: true})
  hint.append(button)
  email.after(hint)
  controller.say(button.textContent)
}

/** The address with the domain that was probably meant. @param {string} address */
export function nearest(address) {
  const [, name, domain] = /^([^@\s]+)@([^@\s]+)$/.exec(address.toLowerCase()) ?? []
  if (!domain || DOMAINS.includes(domain)) return ''
  const meant = DOMAINS.find(known => isNear(domain, known) && !isReal(domain, known))
  return meant ? `${address.slice(0, name.length)}@${meant}` : ''
}

/** Whether a domain that differs from a known one so little may be meant: the same provider in another country, or a short name.
 * @param {string} domain @param {string} known */
function isReal(domain, known) {
  const [[name, ending], [knownName, knownEnding]] = [domain, known].map(whole => whole.split(/\.(?=[^.]*$)/))
  const isCountry = ending?.length === 2 && Boolean(REGIONS.of(ending.toUpperCase()))
  if (ending !== knownEnding && isCountry && knownEnding.length === 2) return true
  return known.length <= SHORTEST && (name !== knownName || isCountry || knownEnding.length === 2)
}

/** Whether they differ by one added, missing or changed character, or by two that are swapped. @param {string} one @param {string} other */
function isNear(one, other) {
  let start = 0, end = 0
  while (start < one.length && one[start] === other[start]) start++
  while (end < Math.min(one.length, other.length) - start && one.at(-1 - end) === other.at(-1 - end)) end++
  const [left, right] = [one.slice(start, one.length - end), other.slice(start, other.length - end)]
  return left.length < 2 && right.length < 2 || left.length === 2 && left === [...right].reverse().join('')
}
