// @ts-check
/** Writes the moments of a page in the person's own zone and manner; without script they stand there in UTC. */

const lang = document.documentElement.lang
const locale = navigator.language.startsWith(lang) ? navigator.language : lang
const format = new Intl.DateTimeFormat(`${locale}-u-nu-latn`, {dateStyle: 'long', timeStyle: 'short'})

for (const time of document.querySelectorAll('time[datetime]')) {
  const at = new Date(/** @type {HTMLTimeElement} */ (time).dateTime)
  if (!Number.isNaN(at.getTime())) time.textContent = format.format(at)
}
