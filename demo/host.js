/* How a product's own script talks with the widget: here, to try it out. Calls before embed.js has loaded are queued. */

const queue = window.InsiderFeedback ||= []
const root = document.documentElement

queue.push(feedback => {
  feedback.attach('#ask')
  feedback.on('success', ({status}) => console.info('Feedback', status))
  feedback.on('error', ({code}) => console.warn('Feedback', code))
})

/** @param {string} id @param {(value: string) => void} change */
function choose(id, change) {
  const select = document.getElementById(id)
  const value = new URLSearchParams(location.search).get(id)
  if (value) select.value = value
  select.addEventListener('change', () => change(select.value))
  if (value) change(select.value)
}

choose('theme', theme => {
  root.dataset.theme = theme
  queue.push(feedback => feedback.set({theme}))
})

choose('mode', mode => {
  queue.push(feedback => feedback.set({mode}))
})

choose('lang', lang => {
  root.lang = lang
  root.dir = lang === 'ar' ? 'rtl' : 'ltr'
  queue.push(feedback => feedback.set({lang}))
})
