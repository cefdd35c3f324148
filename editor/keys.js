// @ts-check
/** The editor by keyboard: Enter adds a mark in the middle of the view, arrow keys move it, Shift and arrow keys resize it. */
import {boundsOf, clamp, cornersOf, moved, stretched} from './shapes.js'
import {textBox} from './text.js'
/** @import {Editor} from './editor.js' */
/** @import {Kind, Mark, Point} from './shapes.js' */

const DIRECTIONS = /** @type {Record<string, Point>} */ ({ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]})
const STEP = 1 / 100 // of the view's longer side
const LEAST = 1 / 100 // of the longer side of the picture: the smallest size of a mark
const SPAN = .3 // of the view: the size of a new mark
const CROPPED = .8

export class Keys {
  #editor

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor
    editor.dialog.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.#press(event))
    editor.dialog.addEventListener('cancel', (/** @type {Event} */ event) => this.#escape(event))
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const target = /** @type {HTMLElement} */ (event.target)
    if (event.isComposing || target.matches('input[type=text]') || event.key === 'Escape') return
    if (this.#shortcut(event) || !target.matches('input') && this.#act(event, target)) event.preventDefault()
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether it was one */
  #shortcut({key, ctrlKey, metaKey, shiftKey, altKey}) {
    const {view} = this.#editor
    if (altKey) return false
    if (!ctrlKey && !metaKey) {
      if (key === '+' || key === '-') view.zoomBy(key === '+' ? 1.5 : 1 / 1.5)
      return key === '+' || key === '-'
    }
    const small = key.toLowerCase()
    if (small === 'z' && !shiftKey) this.#editor.undo()
    else if (small === 'z' || small === 'y') this.#editor.redo()
    else return false
    return true
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} target @returns {boolean} whether it did something */
  #act({key, shiftKey}, target) {
    const mark = this.#editor.selected
    const direction = DIRECTIONS[key]
    if ((key === 'Enter' || key === ' ') && target === this.#editor.view.stage) this.#add()
    else if (!mark) return false
    else if (key === 'Delete' || key === 'Backspace') this.#remove()
    else if (direction && shiftKey) this.#resize(mark, direction)
    else if (direction) this.#shift(mark, direction)
    else return false
    return true
  }

  /** Escape leaves the mark first, then the editor. @param {Event} event */
  #escape(event) {
    if (!this.#editor.selected) return
    event.preventDefault()
    this.#editor.select()
    this.#editor.view.stage.focus()
  }

  #add() {
    const {scene, tool, view, marks} = this.#editor
    if (tool === 'move') return
    if (this.#editor.selected?.kind === 'black') return this.#editor.select()
    scene.begin()
    const mark = this.#editor.add(tool, this.#points(tool))
    scene.commit()
    this.#editor.refresh() // it can be undone now
    view.stage.focus()
    this.#editor.tell(this.#editor.say('added', {name: this.#editor.nameOf(mark)}))
    if (tool === 'text') marks.write()
  }

  /** Where a new mark is placed: in the middle of the view. @param {Kind} kind @returns {Point[]} */
  #points(kind) {
    const {left, top, right, bottom} = this.#editor.view.visible
    const [x, y] = [(left + right) / 2, (top + bottom) / 2]
    const share = (kind === 'crop' ? CROPPED : SPAN) / 2
    const [wide, high] = [(right - left) * share, (bottom - top) * share]
    if (kind === 'text') return textBox([[x, y - high / 4], [x, y + high / 4]], '')
    if (kind === 'pen') return [0, 1, 2, 3, 4, 5, 6, 7, 8].map(place => [x - wide + wide * place / 4, y + (place % 2 ? -high : high) / 8])
    if (kind === 'arrow') return [[x - wide, y + high], [x, y]]
    return [[x - wide, y - high], [x + wide, y + high]]
  }

  #remove() {
    this.#editor.remove()
    this.#editor.view.stage.focus()
  }

  /** @param {Mark} mark @param {Point} direction */
  #shift(mark, [x, y]) {
    const step = this.#step
    this.#put(mark, moved(mark.points, x * step, y * step, this.#editor.scene.frame))
    const {left, top} = boundsOf(this.#editor.selected?.points ?? mark.points)
    this.#tell('at', mark, left, top)
  }

  /** @param {Mark} mark @param {Point} direction */
  #resize(mark, [x, y]) {
    const {scene} = this.#editor
    const step = this.#step
    const least = Math.max(scene.width, scene.height) * LEAST
    const bounds = boundsOf(mark.points)
    const {left, top} = bounds
    const right = clamp(bounds.right + x * step, left + least, scene.width)
    const bottom = clamp(bounds.bottom + y * step, top + least, scene.height)
    const points = stretched(mark.points, bounds, {left, top, right, bottom})
    this.#put(mark, mark.kind === 'text' ? textBox(cornersOf({left, top, right, bottom}), mark.text ?? '') : points)
    this.#tell('size', mark, right - left, bottom - top)
  }

  /** Pixels of the picture; smaller steps at a higher zoom. */
  get #step() {
    const {left, top, right, bottom} = this.#editor.view.visible
    return Math.max(1, Math.max(right - left, bottom - top) * STEP)
  }

  /** @param {Mark} mark @param {Point[]} points */
  #put(mark, points) {
    const {scene} = this.#editor
    scene.begin()
    this.#editor.put({...mark, points})
    scene.commit()
  }

  /** @param {string} key @param {Mark} mark @param {number} x @param {number} y in pixels of the picture */
  #tell(key, mark, x, y) {
    const {scene, words} = this.#editor
    const [wide, high] = [x / scene.width, y / scene.height].map(share => words.number(share, {style: 'percent'}))
    this.#editor.tell(this.#editor.say(key, {name: this.#editor.nameOf(mark), x: wide, y: high}))
  }
}
