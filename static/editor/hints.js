// @ts-check
/** Points out what looks private in the text, and masks it with one press. It never prevents sending. */
import {dress, make} from './dom.js'
import {findPrivate, masked} from './private-data.js'
import {editorWords} from './words.js'
/** @import {FormController} from '../form/form-controller.js' */
/** @import {Find} from './private-data.js' */

const PAUSE = 500 // milliseconds without typing

export class Hints {
  #controller
  #area
  #timer = 0
  /** Behind the text: the same text, which shows nothing but its marks. @type {HTMLElement} */
  #shade = make('div', {class: 'feedback-shade', 'aria-hidden': 'true'})
  #note = make('ul', {class: 'feedback-hints', hidden: true})
  #shown = ''
  /** What was checked last: the writer's address and the text. */
  #asked = ''

  /** @param {FormController} controller tells of changes @param {HTMLTextAreaElement} area @param {AbortSignal} signal */
  constructor(controller, area, signal) {
    this.#controller = controller
    this.#area = area
    this.#shade.dir = area.dir
    area.before(this.#shade)
    area.closest('.feedback-box')?.after(this.#note)
    area.addEventListener('scroll', () => this.#follow(), {signal})
    signal.addEventListener('abort', () => {
      clearTimeout(this.#timer)
      this.#shade.remove()
      this.#note.remove()
    })
    this.changed()
  }

  /** The form has changed. Hints that stay the same are kept: somebody may be pressing one of them. */
  changed() {
    const asked = `${this.#controller.form.email.value}\n${this.#area.value}`
    if (asked === this.#asked) return
    this.#asked = asked
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.look(), PAUSE)
    if (this.#shown) this.look()
  }

  /** What there is now. */
  async look() {
    const text = this.#area.value
    const finds = findPrivate(text, this.#controller.form.email.value)
    if (!finds.length && this.#note.hidden) return
    const [words] = await Promise.all([editorWords(), dress('extras.css')]).catch(() => [])
    await this.#controller.fields.still
    if (!words || text !== this.#area.value) return
    this.#paint(text, finds)
    const kinds = finds.map(({kind}) => kind).join()
    this.#note.hidden = !finds.length
    this.#note.replaceChildren(...finds.map(find => make('li', {}, make('span', {}, words.say(`hint.${find.kind}`)), ' ',
      make('button', {type: 'button', class: 'feedback-link', click: () => this.#mask(find)}, words.say('hint.mask')))))
    if (kinds && kinds !== this.#shown) this.#controller.say(words.say(`hint.${finds[finds.length - 1].kind}`))
    this.#shown = kinds
  }

  /** @param {Find} find */
  #mask(find) {
    const {value} = this.#area
    this.#area.value = masked(value, find)
    this.#area.dispatchEvent(new Event('input', {bubbles: true}))
    this.#area.focus()
  }

  /** @param {string} text @param {Find[]} finds */
  #paint(text, finds) {
    let from = 0
    const pieces = finds.flatMap(({start, end}) => {
      const before = text.slice(from, start)
      from = end
      return [before, make('mark', {}, text.slice(start, end))]
    })
    this.#shade.hidden = !finds.length
    this.#shade.replaceChildren(...finds.length ? [...pieces, text.slice(from), '\n'] : [])
    this.#follow()
  }

  #follow() {
    this.#shade.scrollTop = this.#area.scrollTop
  }
}
