/**
 * A press on the widget does not count as "outside" for the host page, so its menus and dialogs stay open. A click that a
 * focus trap swallows still works. The panel does the same for the focus.
 */

/** All widgets of the page, by their elements. @type {Map<Element, import('./widget.js').Widget>} */
export const widgets = new Map()

/** Listens as long as there are widgets. */
export function guard() {
  for (const type of ['click', 'pointerdown']) window[widgets.size ? 'addEventListener' : 'removeEventListener'](type, hear, true)
}

/** Before anybody else in the page. @param {Event} event */
function hear(event) {
  const path = event.composedPath()
  for (const widget of widgets.values()) {
    if (!path.includes(widget.box)) continue
    if (event.type != 'click') event.stopImmediatePropagation()
    else if (path.includes(widget.launcher)) setTimeout(() => widget._press(event))
  }
}
