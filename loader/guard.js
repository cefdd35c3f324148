/**
 * A press on ours is not "outside" of anything of the host's: its menus and dialogs stay open. A click that a focus trap
 * swallows is obeyed all the same. The panel does as much for the focus.
 */
const TYPES = ['pointerdown', 'click']

/** @type {Map<Element, import('./widget.js').Widget>} */
let guarded

/** Listens as long as there are widgets. @param {typeof guarded} widgets */
export function guard(widgets) {
  guarded = widgets
  for (const type of TYPES) window[widgets.size ? 'addEventListener' : 'removeEventListener'](type, hear, true)
}

/** Before anybody else in the page. @param {Event} event */
function hear(event) {
  const path = event.composedPath()
  for (const widget of guarded.values()) {
    if (!path.includes(widget.box)) continue
    if (event.type != 'click') event.stopImmediatePropagation()
    else if (path.includes(widget.launcher)) setTimeout(() => widget._press(event))
  }
}
