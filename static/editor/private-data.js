// @ts-check
/** Finds private data in a text that its writer may not have meant to send. Independent of the page and the network. */

/** @typedef {'card' | 'iban' | 'token' | 'key' | 'password' | 'email'} Kind */
/** @typedef {{kind: Kind, start: number, end: number}} Find places in the text, as of a string */

const CARD = /(?<![\w.,-]|[A-Za-z]{2}\d\d[ -])\d(?:[ -]?\d){12,18}(?![\w-]|[.,]\d)/g
const IBAN = /(?<![\w-])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![\w-])/g
const EMAIL = /(?<![\p{L}\d_.+-])[\p{L}\d_.+%-]+@[\p{L}\d-]+(?:\.[\p{L}\d-]+)+/gu
const KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|[\s\S]*$)/g
const PASSWORD = /(?<![\p{L}\d])(?:password|passwd|passphrase|passcode|pwd|passwort|kennwort|mot de passe|contraseña|clave|senha|parola|parolă|şifre|şifrem|wachtwoord|hasło|пароль|kata sandi|סיסמה|سر|كلمة المرور|كلمة السر|पासवर्ड|パスワード|비밀번호|密码|密碼)[ \t]*(is|ist|=|[:：])[ \t]*["'“„«]?([^\s"'”“»,;]{4,128})/giu
const TOKENS = [
  /(?<![\w-])(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}/g, // GitHub
  /(?<![\w-])github_pat_\w{22,}/g,
  /(?<![\w-])glpat-[\w-]{20,}/g, // GitLab
  /(?<![\w-])(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)/g, // Amazon Web Services
  /(?<![\w-])AIza[\w-]{35}(?![\w-])/g, // Google
  /(?<![\w-])ya29\.[\w-]{20,}/g,
  /(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{10,}/g, // Slack
  /(?<![\w-])(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}/g, // Stripe
  /(?<![\w-])sk-[\w-]{20,}/g, // several services
  /(?<![\w-])SG\.[\w-]{16,}\.[\w-]{16,}/g, // SendGrid
  /(?<![\w-])npm_[A-Za-z0-9]{36}(?!\w)/g,
  /(?<![\w-])pypi-[\w-]{50,}/g,
  /(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/g, // JSON Web Token
  /(?<=(?:bearer|api[ _-]?key|access[ _-]?token|secret)[ \t]*[:=]?[ \t]*["']?)(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}/gi,
]
/** The lengths of some countries' account numbers (SWIFT's registry of IBAN formats); others have 15 to 34 characters. */
const IBAN_LENGTHS = /** @type {Record<string, number>} */ ({
  AD: 24, AE: 23, AT: 20, BE: 16, BG: 22, BR: 29, CH: 21, CY: 28, CZ: 24, DE: 22, DK: 18, EE: 20, ES: 24, FI: 18, FR: 27, GB: 22, GR: 27, HR: 21, HU: 28, IE: 22, IL: 23,
  IS: 26, IT: 27, LI: 21, LT: 20, LU: 20, LV: 21, MC: 27, MT: 31, NL: 18, NO: 15, PL: 28, PT: 25, RO: 24, SA: 24, SE: 24, SI: 19, SK: 24, TR: 26, UA: 29,
})

/** @param {string} text @param {string} [own] the writer's e-mail address, which does not count as private here @returns {Find[]} in order, without overlaps */
export function findPrivate(text, own = '') {
  /** @type {Find[]} */
  const finds = []
  /** @param {Kind} kind @param {number} start @param {string} found */
  const add = (kind, start, found) => {
    const end = start + found.length
    if (!finds.some(other => start < other.end && other.start < end)) finds.push({kind, start, end})
  }
  for (const {0: found, index} of text.matchAll(KEY)) add('key', index, found)
  for (const pattern of TOKENS) for (const {0: found, index} of text.matchAll(pattern)) add('token', index, found)
  for (const {0: whole, 1: link, 2: found, index} of text.matchAll(PASSWORD)) if (!isPlaceholder(found, link)) add('password', index + whole.lastIndexOf(found), found)
  for (const {0: found, index} of text.matchAll(IBAN)) {
    const iban = ibanIn(found)
    if (iban) add('iban', index, iban)
  }
  for (const {0: found, index} of text.matchAll(CARD)) if (isCard(found.replace(/\D/g, ''))) add('card', index, found)
  for (const {0: found, index} of text.matchAll(EMAIL)) if (isElse(found, own)) add('email', index, found)
  return finds.sort((one, other) => one.start - other.start)
}

/** The text with one find masked. The last four characters of a number stay, so that its owner recognises it.
 * @param {string} text @param {Find} find */
export function masked(text, {kind, start, end}) {
  const tail = kind === 'card' || kind === 'iban' ? text.slice(end - 4, end) : ''
  return text.slice(0, start) + '••••' + tail + text.slice(end)
}

/** Luhn's check digit (ISO/IEC 7812-1), for numbers with the prefixes of card networks. @param {string} digits */
function isCard(digits) {
  if (!/^(?:4|5[0-8]|2[2-7]|3[0-9]|6)/.test(digits) || digits.length < 13 || /^(\d)\1*$/.test(digits)) return false
  let sum = 0
  for (const [place, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (place % 2 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

/** The account number at the start of what was found: words may follow it. Checked by ISO 7064, MOD 97-10. @param {string} found */
function ibanIn(found) {
  const country = found.slice(0, 2).toUpperCase()
  const length = IBAN_LENGTHS[country]
  if (!length) return ''
  let end = 0
  for (let count = 0; count < length; end++) {
    if (end >= found.length) return ''
    if (/[A-Za-z0-9]/.test(found[end])) count++
  }
  if (/[A-Za-z0-9]/.test(found[end] ?? '')) return ''
  const iban = found.slice(0, end).replace(/[ -]/g, '').toUpperCase()
  const digits = [...iban.slice(4) + iban.slice(0, 4)].map(sign => parseInt(sign, 36)).join('')
  let rest = 0
  for (const digit of digits) rest = (rest * 10 + Number(digit)) % 97
  return rest === 1 ? found.slice(0, end) : ''
}

/** Whether it is another person's address, not an example's or a help desk's. @param {string} address @param {string} own */
function isElse(address, own) {
  const small = address.toLowerCase()
  if (small === own.trim().toLowerCase() || /\.(?:png|jpe?g|gif|svg|webp|avif|pdf|css|[cm]?[jt]s|html?)$/.test(small)) return false
  return !/@(?:[\w-]+\.)*example\.(?:com|org|net)$|\.(?:example|test|invalid|localhost)$|^(?:info|support|help|contact|hello|sales|no-?reply)@/.test(small)
}

/** Whether it looks like a password. After "is" a word usually follows; a password has more than letters.
 * @param {string} word @param {string} link */
const isPlaceholder = (word, link) => /^ist?$/i.test(link) && /^\p{L}+[.!?)]*$/u.test(word) || /^(?:[*•.x_-]+|[<{[].*|reset|required|incorrect|wrong|expired|invalid|forgotten|field|manager|protected|empty|missing|null|undefined|false|true|nicht|nichts|falsch|obligatoire|requis)[.!?)]*$/i.test(word)
