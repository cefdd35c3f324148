// @ts-check
/** The editor of a picture: crop, box, arrow, pen, text, black out. Whatever is seen is what is sent: there is nothing to
 * confirm and nothing to discard but by undoing it. A black-out goes into the pixels at once and cannot be undone. */
import {icon, make} from '../static/editor/dom.js'
import {Keys} from './keys.js'
import {Marks} from './marks.js'
import {Painter} from './painter.js'
import {Pointers} from './pointers.js'
import {Scene} from './scene.js'
import {View} from './view.js'
import {boundsOf, cornersOf} from './shapes.js'
/** @import {Words} from '../static/form/words.js' */
/** @import {Kind, Mark, Point} from './shapes.js' */
/** @import {Drawing} from './scene.js' */
/** @import {Target} from './paint.js' */

/** @typedef {'move' | Kind} Tool */
/** @typedef {{base: Blob, drawing?: Drawing}} Work the picture without its marks, and these */
/** @typedef {{work: Work, seen: Drawing, file: Blob}} Edited `file`: the picture with what is seen on it, which is what is sent */

const TOOLS = /** @type {Record<Tool, string>} */ ({
  move: 'M10 2v16M2 10h16M7.5 4.5 10 2l2.5 2.5M7.5 15.5 10 18l2.5-2.5M4.5 7.5 2 10l2.5 2.5M15.5 7.5 18 10l-2.5 2.5',
  crop: 'M5.5 1.5v13h13M1.5 5.5h13v13',
  box: 'M3 4.5h14v11H3z',
  arrow: 'M4 16 16 4M8 4h8v8',
  pen: 'm3 17 1-4L14 3l3 3L7 16z',
  text: 'M4 6V4h12v2M10 4v12M7.5 16h5',
  black: 'M3 5h14v10H3zM4 7.5 6.5 5M4 11.5 10.5 5M5 15 15 5M9 15l8-8M13 15l4-4',
})
const UNDO = 'M7 4 3 8l4 4M3 8h9a4.5 4.5 0 0 1 0 9H8'
const REDO = 'm13 4 4 4-4 4M17 8H8a4.5 4.5 0 0 0 0 9h4'
const ZOOM_IN = 'M3 8.5a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0M13 13l4.5 4.5M6 8.5h5M8.5 6v5'
const ZOOM_OUT = 'M3 8.5a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0M13 13l4.5 4.5M6 8.5h5'
const PAUSE = 1000 // milliseconds without a change after which the picture is made, so that a page that goes away loses nothing

export class Editor {
  #target
  #painter = new Painter()
  #base
  /** Black-outs under way, one after the other, and how many they are. */
  #burning = Promise.resolve()
  #burns = 0
  /** Why one of them could not be made. @type {unknown} */
  #failure
  #onMade
  /** What was made last. @type {Edited | undefined} */
  #made
  /** What was seen on the picture that the form has. @type {Drawing | undefined} */
  #kept
  /** What is seen, and of what it was put together. @type {{drawing: Drawing, pending?: Mark, seen: Drawing} | undefined} */
  #sight
  #timer = 0
  /** The black-out that is placed by keys: it goes into the pixels as soon as it is left. @type {Mark | undefined} */
  #pending
  /** @type {number | undefined} */
  #selected
  /** @type {Tool} */
  tool = 'move'

  /**
   * @param {Words} words
   * @param {{name: string, work: Work, target: Target, tools: Tool[], onMade: (file: Blob | undefined) => void}} options
   *   `onMade` hears without a file that one is being made, and then of the file: for black-outs at once, for marks now and
   *   then and at the end
   */
  constructor(words, {name, work, target, tools, onMade}) {
    this.words = words
    this.#target = target
    this.#base = work.base
    this.#onMade = onMade
    this.scene = new Scene(1, 1, work.drawing)
    this.#kept = this.scene.drawing
    this.view = new View(this)
    this.marks = new Marks(this)
    this.undoButton = this.#button('undo', UNDO, () => this.undo())
    this.redoButton = this.#button('redo', REDO, () => this.redo())
    this.hint = make('p', {class: 'editor-hint', id: 'editor-hint'})
    this.status = make('p', {class: 'feedback-hidden', role: 'status'})
    this.done = make('button', {type: 'button', class: 'feedback-send', click: () => this.dialog.close()}, this.say('done'))
    this.dialog = make('dialog', {class: 'editor', 'aria-label': `${this.say('title')}: ${name}`},
      make('div', {class: 'editor-bar'}, make('p', {class: 'editor-title'}, make('bdi', {}, name)), this.done),
      make('div', {class: 'editor-tools'}, this.#choice(tools), make('div', {class: 'editor-steps'},
        this.undoButton, this.redoButton, this.#button('zoom.out', ZOOM_OUT, () => this.view.zoomBy(1 / 1.5)), this.#button('zoom.in', ZOOM_IN, () => this.view.zoomBy(1.5)))),
      make('div', {class: 'editor-says'}, this.hint, this.marks.field), this.view.stage, this.marks.list, this.status, make('p', {class: 'feedback-hidden', id: 'editor-keys'}, this.say('keys')))
    new Pointers(this)
    new Keys(this)
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  say(key, values) { return this.words.say(`editor.${key}`, values) }

  /** Tells a screen reader. @param {string} text */
  tell(text) { this.status.textContent = text }

  /** Lets a person edit. @param {AbortSignal} signal ends it without a result @returns {Promise<Edited | undefined>} */
  async edit(signal) {
    const {scene} = this
    const closed = new Promise(resolve => this.dialog.addEventListener('close', resolve, {once: true}))
    signal.addEventListener('abort', () => this.dialog.close(), {once: true})
    document.body.append(this.dialog)
    this.dialog.showModal()
    try {
      const {width, height, view} = await this.#painter.open(this.#base)
      Object.assign(scene, {width, height})
      this.view.show(view)
      this.choose(this.tool)
      this.refresh()
      this.view.stage.focus()
      await closed
      clearTimeout(this.#timer)
      this.settle()
      scene.commit()
      if (this.#seen !== this.#kept) this.#onMade(undefined)
      await this.#burning
      if (this.#failure) throw this.#failure
      return signal.aborted ? undefined : await this.#result()
    } finally {
      this.view.end()
      this.dialog.remove()
      this.#painter.end()
    }
  }

  /** @returns {Promise<Edited>} */
  async #result() {
    const seen = this.#seen
    const work = {base: this.#base, drawing: this.scene.drawing}
    if (seen === this.#made?.seen && work.base === this.#made.work.base) return this.#made
    const isEmpty = !seen.marks.length && !seen.crop
    return this.#made = {work, seen, file: isEmpty ? work.base : await this.#painter.finish(seen, this.#target)}
  }

  /** Gives the form the picture as it is by now. */
  async #keep() {
    if (this.#burns) return // the last of them calls again
    const {file, work, seen} = await this.#result()
    if (work.base !== this.#base || this.#burns || !this.dialog.open) return // it has been blackened meanwhile
    this.#kept = seen
    this.#onMade(file)
  }

  #soon() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#keep().catch(() => undefined), PAUSE) // what fails now fails again at the end
  }

  /** @param {Tool} tool */
  choose(tool) {
    this.settle()
    this.view.corner = undefined
    this.tool = tool
    this.dialog.querySelector(`[value=${tool}]`).checked = true
    this.dialog.dataset.tool = tool
    this.hint.textContent = this.say(`hint.${tool}`)
    this.view.refresh()
  }

  get selected() { return this.#pending?.id === this.#selected ? this.#pending : this.scene.find(this.#selected) }

  /** @param {Mark} [mark] */
  select(mark) {
    if (mark?.id !== this.#selected) this.settle()
    this.#selected = mark?.id
    this.refresh()
  }

  /** All marks, with the black-out that is being placed. */
  get all() { return [...this.scene.all, ...this.#pending ? [this.#pending] : []] }

  /** The drawing, with the black-out that is being placed. @returns {Drawing} */
  get #seen() {
    const {drawing} = this.scene
    const pending = this.#pending
    if (drawing !== this.#sight?.drawing || pending !== this.#sight.pending) {
      this.#sight = {drawing, pending, seen: pending ? {...drawing, marks: [...drawing.marks, pending]} : drawing}
    }
    return this.#sight.seen
  }

  /** Replaces a mark. @param {Mark} mark */
  put(mark) {
    if (mark.kind === 'black') this.#pending = mark
    else this.scene.put(mark)
    this.refresh()
  }

  /** Adds a mark and selects it. A black-out can still be moved until it is left. @param {Kind} kind @param {Point[]} points @returns {Mark} */
  add(kind, points) {
    this.settle()
    const mark = kind === 'black' ? {id: 0, kind, points} : this.scene.add(kind, points, kind === 'text' ? '' : undefined)
    if (kind === 'black') this.#pending = mark
    this.#selected = mark.id
    this.refresh()
    return mark
  }

  remove() {
    const mark = this.selected
    if (!mark) return
    const name = this.nameOf(mark)
    if (mark === this.#pending) this.#pending = undefined
    else {
      this.scene.begin()
      this.scene.remove(mark.id)
      this.scene.commit()
    }
    this.#selected = undefined
    this.refresh()
    this.tell(this.say('removed', {name}))
  }

  /** A black-out that was placed goes into the pixels; a text without a letter goes. */
  settle() {
    const mark = this.#pending
    this.#pending = undefined
    if (mark) this.#burn(mark)
    for (const {id, kind, text} of this.scene.drawing.marks) if (kind === 'text' && !text?.trim()) this.scene.remove(id)
  }

  /** @param {Mark} mark */
  #burn({points}) {
    const {frame} = this.scene
    const {left, top, right, bottom} = boundsOf(points)
    const bounds = {left: Math.max(frame.left, left), top: Math.max(frame.top, top), right: Math.min(frame.right, right), bottom: Math.min(frame.bottom, bottom)}
    const cover = this.view.cover(cornersOf(bounds))
    this.#burns++
    this.#onMade(undefined)
    this.#burning = this.#burning.then(async () => {
      const {view, file} = await this.#painter.burn(bounds, this.#target)
      this.#base = file
      if (!--this.#burns) this.#onMade(file)
      if (!this.scene.isEmpty) this.#soon()
      this.view.show(view)
      cover.remove()
    }).catch(error => {
      this.#failure = error
      this.dialog.close()
    })
    this.tell(this.say('burnt'))
  }

  /** What a first finger began, before the second one came, has not been. */
  drop() {
    this.#pending = undefined
    this.scene.cancel()
    this.#selected = undefined
    this.refresh()
  }

  undo() { this.#step(() => this.scene.undo()) }
  redo() { this.#step(() => this.scene.redo()) }

  /** @param {() => void} step */
  #step(step) {
    this.settle()
    step()
    this.#selected = undefined
    this.refresh()
  }

  refresh() {
    this.view.refresh()
    this.marks.refresh()
    if (this.#seen !== this.#kept) this.#soon()
    const {canUndo, canRedo} = this.scene
    this.undoButton.setAttribute('aria-disabled', !canUndo)
    this.redoButton.setAttribute('aria-disabled', !canRedo)
  }

  /** @param {Mark} mark */
  nameOf(mark) {
    const kind = this.say(`tool.${mark.kind}`)
    if (mark.kind === 'crop' || mark.kind === 'black') return kind
    const place = this.scene.drawing.marks.filter(({kind}) => kind === mark.kind).findIndex(({id}) => id === mark.id) + 1
    return mark.text ? `${kind} ${place}: ${mark.text}` : `${kind} ${place}`
  }

  /** @param {Tool[]} tools */
  #choice(tools) {
    const choice = make('fieldset', {class: 'editor-choice'}, make('legend', {class: 'feedback-hidden'}, this.say('tools')))
    for (const tool of tools) {
      choice.append(make('label', {title: this.say(`tool.${tool}`)},
        make('input', {type: 'radio', name: 'editor-tool', value: tool, 'aria-label': this.say(`tool.${tool}`), 'aria-describedby': 'editor-hint', change: () => this.choose(tool)}), icon(TOOLS[tool])))
    }
    return choice
  }

  /** @param {string} key @param {string} path @param {() => void} act */
  #button(key, path, act) {
    const text = this.say(key)
    return make('button', {type: 'button', class: 'editor-button', 'aria-label': text, title: text, click: act}, icon(path))
  }
}
