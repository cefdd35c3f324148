/**
 * A press on the widget does not count as "outside" for the host page, so its menus and dialogs stay open. A click that a
 * focus trap swallows still works. The panel does the same for the focus.
 */

/** All widgets of the page. @type {import('./widget.js').Widget[]} */
export let widgets = []

/** Takes the list of widgets, and listens as long as there are any. @param {typeof widgets} list */
export function guard(list) {
  widgets = list
  for (const type of ['click', 'pointerdown']) window[widgets.length ? 'addEventListener' : 'removeEventListener'](type, hear, true)
}

/** Before anybody else in the page. @param {Event} event */
function hear(event) {
  const path = event.composedPath()
  for (const widget of widgets) {
    if (!path.includes(widget.box)) continue
    if (event.type != 'click') event.stopImmediatePropagation()
    else if (path.includes(widget.launcher)) setTimeout(() => widget._press(event))
  }
}
