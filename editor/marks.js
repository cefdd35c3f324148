// @ts-check
/** The list of marks by name, with buttons to select and remove each, and the text field of the selected mark. */
import {icon, make} from '../static/editor/dom.js'
import {moved} from './shapes.js'
import {textBox} from './text.js'
/** @import {Editor} from './editor.js' */
/** @import {Mark} from './shapes.js' */

const CROSS = 'M5 5l10 10M15 5 5 15'

export class Marks {
  #editor
  /** What is listed. A list that is made anew with each key would be read anew. */
  #names = ''
  /** The mark whose name was scrolled to. @type {number | undefined} */
  #revealed

  /** @param {Editor} editor */
  constructor(editor) {
    this.#editor = editor
    this.list = make('ul', {class: 'editor-list', 'aria-label': editor.say('marks')})
    this.field = make('input', {type: 'text', class: 'feedback-input', maxlength: '200', dir: 'auto', autocomplete: 'off', 'aria-label': editor.say('tool.text'), placeholder: editor.say('hint.write'),
      input: () => this.#type(), keydown: (/** @type {KeyboardEvent} */ event) => this.#leave(event), focus: () => editor.scene.begin(), blur: () => editor.scene.commit()})
  }

  refresh() {
    const {all, selected} = this.#editor
    const isText = selected?.kind === 'text'
    this.field.hidden = !isText
    this.#editor.hint.hidden = isText
    if (isText && this.field.value !== selected.text) this.field.value = selected.text
    const names = all.map(mark => [mark.id, this.#editor.nameOf(mark)]).join('\n')
    const isNamedAnew = names !== this.#names
    if (isNamedAnew) this.#fill(all, selected)
    else for (const {id} of all) this.#find(id)?.setAttribute('aria-pressed', id === selected?.id)
    if (isNamedAnew || selected?.id !== this.#revealed) this.#reveal(this.#find(selected?.id)?.parentElement)
    this.#names = names
    this.#revealed = selected?.id
  }

  /** @param {Mark[]} all @param {Mark} [selected] */
  #fill(all, selected) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.mark
    this.list.replaceChildren(...all.map(mark => {
      const name = this.#editor.nameOf(mark)
      return make('li', {}, make('button', {type: 'button', class: 'editor-mark', 'data-mark': mark.id, 'aria-pressed': mark === selected, click: () => this.#choose(mark.id)}, name),
        make('button', {type: 'button', class: 'editor-button', 'aria-label': this.#editor.say('remove', {name}), click: () => this.#remove(mark.id)}, icon(CROSS)))
    }))
    if (focused) this.#find(Number(focused))?.focus()
  }

  /** Scrolls the list, and nothing else, to a name. @param {HTMLElement | null} [item] */
  #reveal(item) {
    if (!item) return
    const [{left, right}, view] = [item, this.list].map(element => element.getBoundingClientRect())
    this.list.scrollLeft += Math.max(0, right - view.right) + Math.min(0, left - view.left)
  }

  /** The user is about to type the selected mark's text. */
  write() {
    this.field.focus()
  }

  /** @param {number} [id] */
  #find(id) { return this.list.querySelector(`[data-mark="${id}"]`) }

  /** @param {number} id */
  #choose(id) {
    this.#editor.select(this.#editor.all.find(mark => mark.id === id))
    this.#find(id)?.focus()
  }

  /** @param {number} id */
  #remove(id) {
    this.#editor.select(this.#editor.all.find(mark => mark.id === id))
    this.#editor.remove()
    this.#editor.view.stage.focus()
  }

  #type() {
    const mark = this.#editor.selected
    if (mark?.kind !== 'text') return
    const text = this.field.value
    this.#editor.put({...mark, text, points: moved(textBox(mark.points, text), 0, 0, this.#editor.scene.frame)})
  }

  /** @param {KeyboardEvent} event */
  #leave(event) {
    if (event.isComposing || event.keyCode === 229 || event.key !== 'Enter' && event.key !== 'Escape') return // Safari ends composing before it tells of the key
    event.preventDefault()
    this.#editor.view.stage.focus()
  }
}
