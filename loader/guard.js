/**
 * A press on the widget does not count as "outside" for the host page, so its menus and dialogs stay open. A click that a
 * focus trap swallows still works, and so do the keys that press the button, which pages take for shortcuts. The panel
 * does the same for the focus.
 */

/** All widgets of the page. @type {import('./widget.js').Widget[]} */
export let widgets = []

/** Takes the list of widgets, and listens as long as there are any. @param {typeof widgets} list */
export function guard(list) {
  widgets = list
  const change = !widgets.length ? removeEventListener : addEventListener
  for (const type of ['keydown', 'keyup', 'pointerdown', 'click']) change(type, hear, true)
}

/** Before anybody else in the page. A pointer's press has no key: it is undefined. @param {any} event */
function hear(event) {
  const path = event.composedPath()
  for (const widget of widgets) {
    if (!path.includes(widget.box)) continue
    if (event.type == 'click') path.includes(widget.launcher) && (event.detail > 1 || widget.toggle(widget.launcher))
    else if (/ |Enter|un/.test(event.key)) event.stopImmediatePropagation()
  }
}
