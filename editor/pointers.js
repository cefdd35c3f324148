// @ts-check
/** Drawing, moving and stretching by mouse, pen and touch; two fingers zoom and move the view. Who cannot drag presses one
 * corner and then the opposite one. */
import {boundsOf, cornersOf, moved, stretched} from './shapes.js'
import {textBox} from './text.js'
/** @import {Editor} from './editor.js' */
/** @import {Kind, Mark, Point} from './shapes.js' */

const SLIP = 4 // pixels on the screen: a shorter move is a press, not a drag
const LINE = 28 // pixels on the screen: the height of a new text

/** @typedef {(point: Point, event: PointerEvent) => void} Drag */

export class Pointers {
  #editor
  /** Where each finger is on the screen. @type {Map<number, Point>} */
  #fingers = new Map()
  /** @type {Drag | undefined} */
  #drag
  /** What a press does that was no drag. @type {(() => void) | undefined} */
  #press
  /** @type {Point} on the screen */
  #start = [0, 0]
  #isDragged = false

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor
    const {svg, stage} = editor.view
    svg.addEventListener('pointerdown', (/** @type {PointerEvent} */ event) => this.#down(event))
    svg.addEventListener('pointermove', (/** @type {PointerEvent} */ event) => this.#move(event))
    svg.addEventListener('mousedown', (/** @type {MouseEvent} */ event) => event.preventDefault()) // it would take the focus
    for (const type of ['pointerup', 'pointercancel']) svg.addEventListener(type, (/** @type {PointerEvent} */ event) => this.#up(event))
    stage.addEventListener('wheel', event => this.#wheel(event), {passive: false})
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button) return
    const {view, scene} = this.#editor
    event.preventDefault()
    view.stage.focus({preventScroll: true})
    view.svg.setPointerCapture(event.pointerId)
    this.#fingers.set(event.pointerId, [event.clientX, event.clientY])
    if (this.#fingers.size > 1) return this.#pinch()
    this.#start = [event.clientX, event.clientY]
    this.#isDragged = false
    scene.begin()
    this.#drag = this.#begin(event)
  }

  /** The action that a press begins. @param {PointerEvent} event @returns {Drag | undefined} */
  #begin(event) {
    const {view, tool, selected} = this.#editor
    this.#press = undefined
    const target = /** @type {Element} */ (event.target)
    const point = view.at(event.clientX, event.clientY)
    const handle = target.getAttribute('data-handle')
    if (handle && selected) return this.#stretch(selected, Number(handle))
    const mark = this.#editor.all.find(({id}) => String(id) === target.closest('[data-mark]')?.getAttribute('data-mark'))
    if (mark) return this.#carry(mark, point)
    this.#editor.select()
    if (tool === 'move') return this.#pan()
    if (tool === 'text') return this.#write(point)
    if (tool === 'pen') return this.#draw(point)
    if (!selected) this.#press = () => this.#corner(tool, point) // otherwise it only leaves what was selected
    return this.#span(tool, point)
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#fingers.get(event.pointerId)
    if (!before) return
    if (this.#fingers.size > 1) return this.#spread(event)
    this.#isDragged ||= Math.hypot(event.clientX - this.#start[0], event.clientY - this.#start[1]) >= SLIP
    if (this.#isDragged) this.#drag?.(this.#editor.view.at(event.clientX, event.clientY), event)
    this.#fingers.set(event.pointerId, [event.clientX, event.clientY])
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (!this.#fingers.delete(event.pointerId) || !this.#drag) return
    this.#drag = undefined
    if (this.#isDragged) this.#editor.view.corner = undefined
    else this.#press?.()
    if (this.#isDragged && this.#editor.selected?.kind === 'black') this.#editor.select()
    if (this.#editor.selected?.text === '') this.#editor.marks.write() // here, because a phone shows its keyboard only when a press ends
    this.#editor.scene.commit()
    this.#editor.refresh()
  }

  /** From corner to corner. @param {Kind} kind @param {Point} from @returns {Drag} */
  #span(kind, from) {
    /** @type {Mark | undefined} */
    let mark
    return point => {
      mark = mark ? {...mark, points: [from, point]} : this.#editor.add(kind, [from, point])
      this.#editor.put(mark)
    }
  }

  /** The first of two opposite corners, or the second. A black-out made so is not final yet: two presses are easily made in
   * error. @param {Kind} kind @param {Point} point */
  #corner(kind, point) {
    const {view} = this.#editor
    const from = view.corner
    const isSecond = from && Math.hypot(point[0] - from[0], point[1] - from[1]) * view.scale >= SLIP
    view.corner = isSecond ? undefined : point
    if (isSecond) this.#editor.add(kind, [from, point])
  }

  /** @param {Point} from @returns {Drag} */
  #draw(from) {
    /** @type {Mark | undefined} */
    let mark
    return (_, event) => {
      const passed = event.getCoalescedEvents?.() ?? []
      const points = (passed.length ? passed : [event]).map(({clientX, clientY}) => this.#editor.view.at(clientX, clientY))
      mark = mark ? {...mark, points: [...mark.points, ...points]} : this.#editor.add('pen', [from, ...points])
      this.#editor.put(mark)
    }
  }

  /** @param {Point} point @returns {Drag} */
  #write([x, y]) {
    const {view, scene} = this.#editor
    const height = LINE / view.scale
    return this.#carry(this.#editor.add('text', moved(textBox([[x, y - height], [x, y]], ''), 0, 0, scene.frame)), [x, y])
  }

  /** @param {Mark} mark @param {Point} from @returns {Drag} */
  #carry(mark, from) {
    this.#editor.select(mark)
    return ([x, y]) => this.#editor.put({...mark, points: moved(mark.points, x - from[0], y - from[1], this.#editor.scene.frame)})
  }

  /** @param {Mark} mark @param {number} handle @returns {Drag} */
  #stretch(mark, handle) {
    if (mark.kind === 'arrow') return point => this.#editor.put({...mark, points: mark.points.map((other, place) => place === handle ? point : other)})
    const bounds = boundsOf(mark.points)
    const {left, top, right, bottom} = bounds
    const [fixedX, fixedY] = [handle === 1 || handle === 2 ? left : right, handle > 1 ? top : bottom]
    return ([x, y]) => {
      const points = stretched(mark.points, bounds, boundsOf([[fixedX, fixedY], [x, y]]))
      this.#editor.put({...mark, points: mark.kind === 'text' ? textBox(cornersOf(boundsOf(points)), mark.text ?? '') : points})
    }
  }

  /** @returns {Drag} */
  #pan() {
    const {stage} = this.#editor.view
    return (_, {pointerId, clientX, clientY}) => {
      const [x, y] = this.#fingers.get(pointerId) ?? [clientX, clientY]
      stage.scrollLeft -= clientX - x
      stage.scrollTop -= clientY - y
    }
  }

  /** A second finger ends the action of the first. */
  #pinch() {
    this.#drag = undefined
    this.#editor.drop()
  }

  /** @param {PointerEvent} event */
  #spread(event) {
    const {view} = this.#editor
    const before = this.#spanned
    this.#fingers.set(event.pointerId, [event.clientX, event.clientY])
    const after = this.#spanned
    view.stage.scrollLeft -= after.x - before.x
    view.stage.scrollTop -= after.y - before.y
    if (before.distance) view.zoomBy(after.distance / before.distance, [after.x, after.y])
  }

  /** The middle of two fingers, and their distance. */
  get #spanned() {
    const [[x, y], [otherX, otherY]] = [...this.#fingers.values()]
    return {x: (x + otherX) / 2, y: (y + otherY) / 2, distance: Math.hypot(x - otherX, y - otherY)}
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    this.#editor.view.zoomBy(Math.exp(-event.deltaY / 200), [event.clientX, event.clientY])
  }
}
