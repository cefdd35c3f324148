// @ts-check
/**
 * Reads texts and addresses as the server does (`widget/submissions/addresses.py` and `model.py`), so that what the form
 * accepts is not refused there. Both are tested with one table: `tests/submissions/normalised.json`.
 */

export const MAX_EMAIL = 254 // characters: the longest address that mail can be sent to
const MOST_READ = 4 * MAX_EMAIL
const MAX_LOCAL = 64
const ATOM = /^[\w!#$%&'*+\-/=?^`{|}~\x80-\u{10ffff}]+$/u
const UNSAFE = /[\p{Z}\p{C}]/u
const LABEL = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}-]*$/u
const NO_MAIL = ['arpa', 'invalid', 'local', 'localhost', 'onion']
const INVISIBLE = /[\ufe00-\ufe0f\u180b-\u180f\u17b4\u17b5]|\u034f|[\xad\u061c\u115f\u1160\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufff8\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu
const JOINERS = /[\u200c\u200d]/g
const AROUND = /^\s+|\s+$/g
const DROPPED = /[\0-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]/gu
const LINE_BREAK = /\r\n|[\r\v\f\x85\u2028\u2029]/g
const UNSEEN = /[\ufe00-\ufe0f]|\u034f|[\s\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0]/g

/** A text without invisible characters and those that databases reject; empty if nothing of it is visible.
 * @param {string} text */
export function plainText(text) {
  const plain = text.replace(LINE_BREAK, '\n').replace(DROPPED, '')
  return plain.replace(UNSEEN, '') ? plain : ''
}

/** The address that somebody meant to type. @param {string} text */
export function foldAddress(text) {
  let plain = cut(text, MOST_READ).replace(INVISIBLE, '').replace(AROUND, '')
    .replace(/[\uff01-\uff5e]/g, wide => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)).replace(/\ufe6b/g, '@')
  if (/^mailto:/i.test(plain)) plain = plain.replace(/^mailto:[/ ]*/i, '').split('?')[0]
  const at = plain.lastIndexOf('@')
  return plain.slice(0, Math.max(at, 0)).replace(JOINERS, '').normalize('NFC') + plain.slice(Math.max(at, 0)).replace(/[\u3002\uff61]/g, '.')
}

/** The address as it is forwarded; empty if mail cannot be sent to it. @param {string} text */
export function readAddress(text) {
  const folded = foldAddress(text)
  const at = folded.lastIndexOf('@')
  if (at < 1 || size(folded) > MAX_EMAIL) return ''
  const local = folded.slice(0, at)
  const domain = readDomain(folded.slice(at + 1))
  const address = `${local}@${domain}`
  return domain && isLocal(local) && size(address) <= MAX_EMAIL ? address : ''
}

/** @param {string} local */
function isLocal(local) {
  return length(local) <= MAX_LOCAL && !UNSAFE.test(local) && !/^\p{M}/u.test(local) && local.split('.').every(atom => ATOM.test(atom))
}

/** The domain in lower-case ASCII; empty if it is not valid. @param {string} domain */
function readDomain(domain) {
  const labels = domain.split('.')
  if (labels.length < 2 || !labels.every(label => LABEL.test(label) && !/^(?!xn)..--|-$/u.test(label.toLowerCase()))) return ''
  let ascii = ''
  try {
    ascii = new URL(`http://${domain}`).hostname
  } catch {
    return ''
  }
  const names = ascii.split('.')
  const isUsable = /[a-z]$/.test(ascii) && names.every(name => name && name.length <= 63) && !NO_MAIL.includes(names.at(-1) ?? '')
  return isUsable ? ascii : ''
}

/** The length in characters, not in UTF-16 units. @param {string} text */
function length(text) {
  return [...text].length
}

/** The length in bytes, which is what mail servers count. @param {string} text */
function size(text) {
  return new TextEncoder().encode(text).length
}

/** @param {string} text @param {number} most */
function cut(text, most) {
  return [...text.slice(0, 2 * most)].slice(0, most).join('')
}
