// @ts-check
/** The marks on a picture, with their history: each step can be undone. Black-outs are not here, because they are pixels. */
/** @import {Bounds, Kind, Mark, Point} from './shapes.js' */

/** @typedef {{marks: Mark[], crop?: Mark}} Drawing never changed, only replaced */

export class Scene {
  /** @type {Drawing[]} */
  #past = []
  /** @type {Drawing[]} */
  #future = []
  #next = 1
  /** The drawing before the step that is under way. @type {Drawing | undefined} */
  #before

  /** @param {number} width in pixels @param {number} height @param {Drawing} [drawing] */
  constructor(width, height, drawing = {marks: []}) {
    this.width = width
    this.height = height
    this.drawing = drawing
    this.#next = Math.max(0, ...drawing.marks.map(({id}) => id)) + 1
  }

  /** @returns {Bounds} */
  get frame() { return {left: 0, top: 0, right: this.width, bottom: this.height} }
  get canUndo() { return this.#past.length > 0 }
  get canRedo() { return this.#future.length > 0 }
  get isEmpty() { return !this.drawing.marks.length && !this.drawing.crop }
  /** The marks, and the crop. */
  get all() { return [...this.drawing.marks, ...this.drawing.crop ? [this.drawing.crop] : []] }

  /** @param {number} [id] */
  find(id) { return this.all.find(mark => mark.id === id) }

  /** Begin a step: all changes until `commit` are undone together. */
  begin() {
    this.#before ??= this.drawing
  }

  /** End the step, if it changed anything. */
  commit() {
    if (this.#before && this.#before !== this.drawing) {
      this.#past.push(this.#before)
      this.#future = []
    }
    this.#before = undefined
  }

  /** Cancel the step. */
  cancel() {
    this.drawing = this.#before ?? this.drawing
    this.#before = undefined
  }

  /** @param {Kind} kind @param {Point[]} points @param {string} [text] @returns {Mark} */
  add(kind, points, text) {
    const mark = {id: this.#next++, kind, points, ...text !== undefined && {text}}
    this.put(mark)
    return mark
  }

  /** Adds a mark, or replaces the one with the same number. There is one crop at most. @param {Mark} mark */
  put(mark) {
    const {marks, crop} = this.drawing
    if (mark.kind === 'crop') this.drawing = {marks, crop: mark}
    else if (marks.some(({id}) => id === mark.id)) this.drawing = {marks: marks.map(other => other.id === mark.id ? mark : other), crop}
    else this.drawing = {marks: [...marks, mark], crop}
  }

  /** @param {number} id */
  remove(id) {
    const {marks, crop} = this.drawing
    this.drawing = {marks: marks.filter(mark => mark.id !== id), crop: crop?.id === id ? undefined : crop}
  }

  undo() { this.#go(this.#past, this.#future) }
  redo() { this.#go(this.#future, this.#past) }

  /** @param {Drawing[]} from @param {Drawing[]} to */
  #go(from, to) {
    const drawing = from.pop()
    if (!drawing) return
    to.push(this.drawing)
    this.drawing = drawing
  }
}
