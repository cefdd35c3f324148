// @ts-check
/** The zoomable view of the picture and its marks. */
import {drawn, make} from '../static/editor/dom.js'
import {BORDER, HALO, INK, boundsOf, clamp, fontOf, pathOf, strokeOf} from './shapes.js'
import {TEXT_BORDER, textPlace} from './text.js'
/** @import {Editor} from './editor.js' */
/** @import {Mark, Point} from './shapes.js' */

const MOST = 8 // times the size at which the whole picture is visible
const HANDLE = 6 // pixels on the screen: the radius of a handle
const EDGE = 12 // pixels on the screen: the margin around the picture, as in the style sheet
const REACH = 14 // pixels on the screen: how near a press has to be to a line or handle

export class View {
  #editor
  #zoom = 1
  #covers = drawn('g')
  #marks = drawn('g')
  #sizes = new ResizeObserver(() => this.#fit())
  /** Where a mark begins that is made by two presses. @type {Point | undefined} */
  corner

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor
    this.canvas = make('canvas')
    this.svg = drawn('svg', {'aria-hidden': 'true'}, this.#covers, this.#marks)
    this.sheet = make('div', {class: 'editor-sheet'}, this.canvas, this.svg)
    /** @type {HTMLElement} */
    this.stage = make('div', {class: 'editor-stage', tabindex: '0', role: 'application', 'aria-label': editor.say('picture'), 'aria-describedby': 'editor-hint editor-keys'}, this.sheet)
    this.#sizes.observe(this.stage)
  }

  end() { this.#sizes.disconnect() }

  /** @param {ImageBitmap} view */
  show(view) {
    const {width, height} = this.#editor.scene
    this.canvas.width = view.width
    this.canvas.height = view.height
    this.canvas.getContext('bitmaprenderer').transferFromImageBitmap(view)
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.#fit()
  }

  /** Screen pixels per pixel of the picture. */
  get scale() { return this.svg.getBoundingClientRect().width / this.#editor.scene.width || 1 }

  /** @param {number} factor @param {Point} [at] on the screen: the point that stays in place */
  zoomBy(factor, at = this.#middle) {
    const [x, y] = this.at(...at)
    this.#zoom = clamp(this.#zoom * factor, 1, MOST)
    this.#fit()
    const {left, top} = this.svg.getBoundingClientRect()
    this.stage.scrollLeft += left + x * this.scale - at[0]
    this.stage.scrollTop += top + y * this.scale - at[1]
  }

  /** @param {number} x on the screen @param {number} y @returns {Point} in the picture */
  at(x, y) {
    const {left, top} = this.svg.getBoundingClientRect()
    const {width, height} = this.#editor.scene
    return [clamp((x - left) / this.scale, 0, width), clamp((y - top) / this.scale, 0, height)]
  }

  /** The visible part of the picture. */
  get visible() {
    const {left, top, right, bottom} = this.stage.getBoundingClientRect()
    return boundsOf([this.at(left, top), this.at(right, bottom)])
  }

  /** @returns {Point} */
  get #middle() {
    const {left, top, width, height} = this.stage.getBoundingClientRect()
    return [left + width / 2, top + height / 2]
  }

  /** Covers an area until its pixels have been blackened. @param {Point[]} points @returns {SVGElement} */
  cover(points) {
    const cover = drawn('path', {d: pathOf({id: 0, kind: 'black', points}, 1)})
    this.#covers.append(cover)
    return cover
  }

  #fit() {
    const {width, height} = this.#editor.scene
    const {clientWidth, clientHeight} = this.stage
    const scale = Math.min(1, (clientWidth - 2 * EDGE) / width, (clientHeight - 2 * EDGE) / height) * this.#zoom
    this.sheet.style.width = `${width * scale}px`
    this.sheet.style.height = `${height * scale}px`
    this.refresh()
  }

  refresh() {
    const {all, selected, scene} = this.#editor
    const stroke = strokeOf(scene.width, scene.height)
    this.#marks.replaceChildren(...all.map(mark => this.#draw(mark, stroke)))
    if (selected) this.#marks.append(...this.#handles(selected))
    if (this.corner) this.#marks.append(this.#handle(this.corner))
  }

  /** @param {Mark} mark @param {number} stroke */
  #draw(mark, stroke) {
    const {id, kind} = mark
    const d = pathOf(mark, stroke)
    const reach = drawn('path', {d, class: kind === 'text' || kind === 'black' ? 'editor-area' : 'editor-reach', 'stroke-width': Math.max(stroke, 2 * REACH / this.scale)})
    return drawn('g', {'data-mark': id, 'data-kind': kind}, ...this.#look(mark, d, stroke), reach)
  }

  /** @param {Mark} mark @param {string} d @param {number} stroke @returns {Element[]} */
  #look(mark, d, stroke) {
    if (mark.kind === 'black') return [drawn('path', {d})]
    if (mark.kind === 'crop') {
      const {width, height} = this.#editor.scene
      return [drawn('path', {d: `M0 0H${width}V${height}H0Z${d}`, class: 'editor-outside'}), drawn('path', {d, class: 'editor-edge', 'stroke-width': 2 / this.scale})]
    }
    if (mark.kind === 'text') {
      const {x, y, size} = textPlace(mark.points)
      const text = drawn('text', {x, y, fill: INK, stroke: HALO, 'stroke-width': size * TEXT_BORDER, 'text-anchor': 'middle', class: 'editor-text'})
      text.style.font = fontOf(size)
      text.textContent = mark.text ?? ''
      return [text]
    }
    return [[HALO, stroke * BORDER], [INK, stroke]].map(([colour, width]) => drawn('path', {d, class: 'editor-line', stroke: colour, 'stroke-width': width}))
  }

  /** @param {Mark} mark */
  #handles(mark) {
    const {left, top, right, bottom} = boundsOf(mark.points)
    const frame = drawn('path', {d: `M${left} ${top}H${right}V${bottom}H${left}Z`, class: 'editor-frame', 'stroke-width': 1.5 / this.scale, 'stroke-dasharray': `${4 / this.scale}`})
    const corners = mark.kind === 'arrow' ? mark.points : /** @type {Point[]} */ ([[left, top], [right, top], [right, bottom], [left, bottom]])
    return [...mark.kind === 'arrow' ? [] : [frame], ...corners.map((at, place) => this.#handle(at, place))]
  }

  /** @param {Point} at @param {number} [place] */
  #handle([cx, cy], place) {
    return drawn('circle', {cx, cy, r: HANDLE / this.scale, class: 'editor-handle', 'stroke-width': 2 / this.scale, 'data-handle': place})
  }
}
