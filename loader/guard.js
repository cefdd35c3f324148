/**
 * What happens in ours is not "outside" of anything of the host's: its menus and dialogs stay open at a press, and its
 * focus traps see no focus that they would take back. What they swallow all the same, a click, is obeyed.
 */
const TYPES = ['pointerdown', 'click', 'focusin', 'focusout']

/** @type {Map<Element, import('./widget.js').Widget>} */
let guarded

/** Listens as long as there are widgets. @param {typeof guarded} widgets */
export function guard(widgets) {
  guarded = widgets
  for (const type of TYPES) window[widgets.size ? 'addEventListener' : 'removeEventListener'](type, hear, true)
}

/** Before anybody else in the page. @param {any} event */
function hear(event) {
  const path = event.composedPath()
  for (const widget of guarded.values()) {
    if (event.type == 'focusout' ? widget.isOpen && event.relatedTarget == widget.element : path.includes(widget.box)) {
      if (event.type != 'click') event.stopImmediatePropagation()
      else if (path.includes(widget.launcher)) setTimeout(() => widget.press(event))
    }
  }
}
