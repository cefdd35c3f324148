// @ts-check
/** The page's texts, with values filled in and the plural forms of its language. */

const MEGABYTE = 1024 * 1024

/** The person's variant of the page's language, with Latin digits. On a system without a locale, Chromium says
 * `en-US@posix`, which is not a valid tag. @param {string} lang */
export function localeOf(lang) {
  const [own] = navigator.language.split('@')
  return `${own.split('-')[0] === lang ? own : lang}-u-nu-latn`
}

/** The address of a receipt, in this page's language. @param {string} url */
export function receiptOf(url) {
  const address = new URL(url, location.href)
  address.searchParams.set('lang', document.documentElement.lang)
  return address.href
}

export class Words {
  #texts
  #locale
  #isRtl = document.dir === 'rtl'

  /** @param {Record<string, string | Record<string, string>>} texts plural forms by the categories of `Intl.PluralRules`; a
   * wording for two under `2` */
  constructor(texts, lang = document.documentElement.lang) {
    this.#texts = texts
    this.#locale = localeOf(lang)
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  say(key, values = {}) {
    const text = this.#texts[key]
    const form = typeof text === 'string' ? text : text[String(values.n)] ?? text[this.#category(values.n)] ?? text.other
    return form.replace(/\{(\w+)\}/g, (whole, name) => name in values ? this.#value(name, values[name]) : whole)
  }

  /** The first of these takes several milliseconds to make: only for a text with plural forms. @param {string | number} [n] */
  #category(n = 1) {
    return new Intl.PluralRules(this.#locale).select(Number(n))
  }

  /** @param {string} name @param {string | number} value */
  #value(name, value) {
    if (typeof value === 'number') return name === 'percent' ? this.number(value, {style: 'percent'}) : this.number(value)
    return this.#isRtl && name === 'name' ? `\u2068${value}\u2069` : value
  }

  /** @param {number} value @param {Intl.NumberFormatOptions} [options] */
  number(value, options) {
    return new Intl.NumberFormat(this.#locale, options).format(value)
  }

  /** @param {number} bytes */
  size(bytes) {
    const [value, options] = measure(bytes, bytes)
    return this.number(value, {style: 'unit', unitDisplay: 'short', ...options})
  }

  /** How much has been sent. @param {number} sent @param {number} total both in bytes */
  amount(sent, total) {
    const [value, {maximumFractionDigits}] = measure(sent, total)
    return this.say('sending.amount', {a: this.number(value, {maximumFractionDigits}), b: this.size(total)})
  }

  /** @param {Date} at */
  moment(at) {
    return new Intl.DateTimeFormat(this.#locale, {dateStyle: 'medium', timeStyle: 'short'}).format(at)
  }

  /** @param {Date} at */
  time(at) {
    return new Intl.DateTimeFormat(this.#locale, {timeStyle: 'short'}).format(at)
  }
}

/** The unit to write it in. @param {number} bytes @param {number} whole @returns {[number, Intl.NumberFormatOptions]} */
function measure(bytes, whole) {
  if (whole < MEGABYTE) return [Math.ceil(bytes / 1024), {unit: 'kilobyte', maximumFractionDigits: 0}]
  return [bytes / MEGABYTE, {unit: 'megabyte', maximumFractionDigits: 1}]
}
