/** The feedback button for host pages; embed-panel.js adds the form. `make loader` builds static/embed.js from this. */
import {api} from './api.js'
import {Feedback} from './element.js'
import {mount} from './page.js'
import {NAME, withTag} from './source.js'

const loaded = /** @type {any} */ (customElements.get(NAME))
if (loaded) withTag(loaded.mount)
else {
  const page = /** @type {any} */ (window), queue = page.InsiderFeedback || []
  page.InsiderFeedback = api
  customElements.define(NAME, Feedback)
  withTag(mount)
  queue.forEach?.((/** @type {any} */ call) => queueMicrotask(() => call(api))) // an error in one must not stop the next
  queue.push = api.push // last: a page may have frozen all arrays
}
