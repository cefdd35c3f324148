// @ts-check
/** Finds private data in a text that its writer may not have meant to send. Independent of the page and the network. */

/** @typedef {'card' | 'iban' | 'token' | 'key' | 'password' | 'email'} Kind */
/** @typedef {{kind: Kind, start: number, end: number}} Find places in the text, as of a string */

const CARD = /(?<![\w.,-]|[A-Za-z]{2}\d\d[\p{Zs}-])[\d０-９](?:[\p{Zs}\p{Pd}]?[\d０-９]){12,18}(?![\w-]|[.,]\d)/gu
const IBAN = /(?<![\w-])[A-Za-z]{2}\d{2}(?:[\p{Zs}-]?[A-Za-z0-9]){11,30}(?![\w-])/gu
/** Letters of other scripts are words around an address, in languages that write without spaces. */
const EMAIL = /(?<![\p{sc=Latin}\p{sc=Cyrillic}\p{sc=Greek}\d_.+-])[\p{sc=Latin}\p{sc=Cyrillic}\p{sc=Greek}\d_.+%-]+@(?:[\p{L}\d-]+\.)+(?:xn--[\w-]+|[A-Za-z]{2,}|(?![A-Za-z])\p{L}{2,})(?![\w-])/gu
const KEY = /-{4,5} ?BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:[\s\S]*?-{4,5} ?END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)? ?-{4,5}|[\s\S]*$)|PuTTY-User-Key-File-\d:[\s\S]*$/g
const PASSWORD_WORDS = 'passwords?|passwd|passphrase|passcode|pwd|pw|passwort|kennwort|mot de passe|contraseña|clave|senha|parola|parolă|şifre|şifrem|wachtwoord|hasło|пароль|kata sandi|סיסמה|سر|كلمة المرور|كلمة السر|पासवर्ड|パスワード|비밀번호|密码|密碼'
/** What links it to the word, and the password itself, or both where no space stands between words. */
const PASSWORD = RegExp(String.raw`(?<![\p{L}\d])(?:${PASSWORD_WORDS})[ \t]*(?:(?:(?:is|was|ist|war|lautet|es|est|è|é)(?=[ \t:])(?:[ \t]*:)?|[=:：])\s{0,2}["'“„«]?((?<=["'“„«])[^"'”“»\n]{4,128}(?=["'”“»])|[^\s"'”“»,;]{4,128})|(?:は|是|為|为)([!-~]{4,128}))`, 'giu')
/** In the address of a server, behind a name. */
const LOGIN = /(?<=:\/\/[^\s/:@]*:)[^\s/@]{4,128}(?=@)/g
const TOKENS = [
  /(?<![\w-])(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}/g, // GitHub
  /(?<![\w-])github_pat_\w{22,}/g,
  /(?<![\w-])gl[a-z]{2,5}-[\w-]{20,}/g, // GitLab
  /(?<![\w-])(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)/g, // Amazon Web Services
  /(?<![\w-])AIza[\w-]{35}(?![\w-])/g, // Google
  /(?<![\w-])ya29\.[\w-]{20,}/g,
  /(?<![\w-])(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}/g, // Slack
  /(?<=hooks\.slack\.com\/services\/)[\w/]{20,}/g,
  /(?<![\w-])(?:[srp]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}/g, // Stripe
  /(?<![\w-])sk-(?=[\w-]*\d)[\w-]{20,}/g, // several services
  /(?<![\w-])(?:hf|shp(?:at|ca|pa|ss)|do[opr]_v1)_[A-Za-z0-9]{30,}/g, // Hugging Face, Shopify, DigitalOcean
  /(?<![\w-])ATATT3[\w=-]{20,}/g, // Atlassian
  /(?<![\w-])\d{8,10}:[\w-]{35}(?![\w-])/g, // Telegram
  /(?<![\w-])SG\.[\w-]{16,}\.[\w-]{16,}/g, // SendGrid
  /(?<![\w-])npm_[A-Za-z0-9]{36}(?!\w)/g,
  /(?<![\w-])pypi-[\w-]{50,}/g,
  /(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/g, // JSON Web Token
  /(?<=(?:bearer|token|secret|(?:api|access|account|private|secret|auth)[ _-]?key)[ \t]*[:=]?[ \t]*["']?)(?=[\w/+-]*\d)(?=[\w/+-]*[A-Za-z])[\w/+-]{20,}=*/gi,
]
/** The length of each country's account numbers (SWIFT's registry of IBAN formats). */
const IBAN_LENGTHS =
  'AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28' +
  'IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30'

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
  for (const {0: found, index} of text.matchAll(LOGIN)) add('password', index, found)
  for (const {0: whole, 1: spaced, 2: found = spaced, index} of text.matchAll(PASSWORD)) {
    const end = index + whole.length
    if (!isPlaceholder(found, whole.slice(0, -found.length), text.slice(end))) add('password', end - found.length, found)
  }
  for (const {0: found, index} of text.matchAll(IBAN)) {
    const iban = ibanIn(found)
    if (iban) add('iban', index, iban)
  }
  for (const {0: found, index} of text.matchAll(CARD)) if (isCard(found.normalize('NFKC').replace(/\D/g, ''))) add('card', index, found)
  for (const {0: found, index} of text.matchAll(EMAIL)) if (isElse(found, own)) add('email', index, found)
  return finds.sort((one, other) => one.start - other.start)
}

/** The text with one find masked. The last four characters of a number stay, so that its owner recognises it.
 * @param {string} text @param {Find} find */
export function masked(text, {kind, start, end}) {
  const tail = kind === 'card' || kind === 'iban' ? text.slice(end - 4, end) : ''
  return text.slice(0, start) + '••••' + tail + text.slice(end)
}

/** Luhn's check digit (ISO/IEC 7812-1), for numbers with the prefixes and lengths of card networks: those of telephones have
 * such a digit, too. @param {string} digits */
function isCard(digits) {
  if (!/^(?:4(?:\d{12}|\d{15}|\d{18})|3[47]\d{13}|3[0689]\d{12}|3\d{15}|(?:5[0-8]|2[2-7]|6)\d{11,17})$/.test(digits) || /^(\d)\1*$/.test(digits)) return false
  let sum = 0
  for (const [place, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (place % 2 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

/** The account number at the start of what was found: words may follow it. Checked by ISO 7064, MOD 97-10. @param {string} found */
function ibanIn(found) {
  const length = Number(RegExp(`^(?:....)*?${found.slice(0, 2).toUpperCase()}(..)`).exec(IBAN_LENGTHS)?.[1])
  if (!length) return ''
  let end = 0
  for (let count = 0; count < length; end++) {
    if (end >= found.length) return ''
    if (/[A-Za-z0-9]/.test(found[end])) count++
  }
  if (/[A-Za-z0-9]/.test(found[end] ?? '')) return ''
  const iban = found.slice(0, end).replace(/[^A-Za-z0-9]/g, '').toUpperCase()
  const digits = [...iban.slice(4) + iban.slice(0, 4)].map(sign => parseInt(sign, 36)).join('')
  let rest = 0
  for (const digit of digits) rest = (rest * 10 + Number(digit)) % 97
  return rest === 1 ? found.slice(0, end) : ''
}

/** Whether it is another person's address, not an example's or a help desk's. @param {string} address @param {string} own */
function isElse(address, own) {
  const small = address.toLowerCase()
  if (small === own.trim().toLowerCase() || /\.(?:png|jpe?g|gif|svg|webp|avif|pdf|css|[cm]?[jt]s|html?)$/.test(small)) return false
  return !/@(?:[\w-]+\.)*example\.(?:com|org|net)$|\.(?:example|test|invalid|localhost)$|^(?:info|support|help|contact|kontakt|hello|hallo|sales|service|team|office|admin|feedback|billing|(?:no|do-?not)-?reply|git)@/.test(small)
}

/** Whether it is hardly a password: letters alone that belong to a sentence, or a word that says what is wrong with one.
 * @param {string} found @param {string} before @param {string} after */
function isPlaceholder(found, before, after) {
  const isGiven = /[=:：][ \t"'“„«]*$/.test(before) && !/^ +\p{L}/u.test(after)
  if (!isGiven && /^[\p{L}'’ -]+[.!?)]*$/u.test(found)) return true
  return /^(?:[*•.x_-]+|[<{[].*|reset|required|incorrect|wrong|expired|invalid|forgotten|field|manager|protected|empty|missing|null|undefined|false|true|nicht|nichts|falsch|obligatoire|requis)[.!?)]*$/i.test(found)
}
