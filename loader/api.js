/** `window.InsiderFeedback`: controls the tag's widget, else the first popover or dialog of the page. */
import {widgets} from './guard.js'
import {advise} from './options.js'
import {mount, own, unmount} from './page.js'
import {state} from './widget.js'

/**
 * Calls with the widget, now or once there is one. Options that name a product create it, as after `import()`.
 *
 * @param {(widget: import('./widget.js').Widget) => void} call @param {any} [options]
 */
function act(call, options) {
  const widget = own?.isConnected ? own : widgets.find(widget => !widget.inline)
  if (widget) return call(widget)
  if (own === null && !options?.product) return // the page has had enough of it
  state._calls.push(call)
  if (options?.product) mount({dataset: options})
  else own || advise()
}

/** End every `attach` and `on`. @type {(() => void)[]} */
let ends = []
/** The last click on what is attached. @type {Event} */
let click

/** @param {string[]} types @param {(event: any) => void} listener */
function listen(types, listener) {
  types.forEach(type => addEventListener(type, listener, true))
  const end = () => {
    types.forEach(type => removeEventListener(type, listener, true))
    ends = ends.filter(other => other != end)
  }
  ends.push(end)
  return end
}

/** @type {any} */
export const api = {
  get isOpen() { return !!state.open },
  open: (/** @type {object} */ options) => act(widget => widget.open(options), options),
  close: () => state.open?.close(),
  toggle: () => state.open ? api.close() : api.open(),
  set: (/** @type {object} */ options) => act(widget => widget.set(options), options),
  /** While there is no widget, and none to come, a link leads to its address. */
  attach: (/** @type {any} */ target) => listen(['focusin', 'pointerover', 'click'], event => {
    const opener = event.composedPath().find((/** @type {any} */ node) => typeof target == 'string' ? node.matches?.(target) : target == node)
    if (event == click || !opener || !(own || widgets[0]) || event.ctrlKey || event.shiftKey || event.metaKey) return
    if (event.type != 'click') return act(widget => widget.load())
    event.preventDefault()
    click = event // open once, however often it was attached
    event.detail > 1 || act(widget => widget.toggle(opener))
  }),
  on: (/** @type {string} */ type, /** @type {any} */ callback) => listen(['feedback-' + type], event => callback(event.detail)),
  reset: () => Promise.all(widgets.map(widget => widget.reset())),
  async destroy(/** @type {{keep?: boolean}} */ options) {
    const element = own
    ends.forEach(end => end())
    unmount()
    await (options?.keep || element?.reset())
  },
  push: (/** @type {(feedback: any) => void} */ call) => call(api),
}
