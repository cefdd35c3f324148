// @ts-check
/** A file's row: picture or icon, name, size, a note or an error, and its remove button. */
/** @import {FormController} from './form-controller.js' */

const TAIL = 8 // characters of a name that stay when its middle is cut
let rows = 0

export class FileRow {
  #controller
  #url = ''
  name = ''
  note = ''

  /** @param {FormController} controller @param {() => void} remove */
  constructor(controller, remove) {
    this.#controller = controller
    /** @type {HTMLLIElement} */
    this.element = controller.form.element('feedback-file-template').content.firstElementChild.cloneNode(true)
    this.id = this.element.id = `feedback-file-${++rows}`
    /** @type {HTMLButtonElement} */
    this.button = this.#find('.feedback-remove')
    this.button.setAttribute('aria-describedby', `${this.id}-note`)
    this.button.addEventListener('click', remove)
    this.#find('.feedback-file-note').id = `${this.id}-note`
  }

  /** @param {string} selector @returns {any} */
  #find(selector) {
    return this.element.querySelector(selector)
  }

  /** @param {File} file */
  show(file) {
    const characters = [...file.name] // cut in the middle for the eye, whole for screen readers
    const [start, end] = this.#find('.feedback-file-name').children
    this.#find('bdi.feedback-hidden').textContent = file.name
    start.textContent = characters.slice(0, -TAIL).join('')
    end.textContent = characters.slice(-TAIL).join('')
    start.parentElement.title = this.name = file.name
    this.#find('.feedback-file-size').textContent = file.size ? this.#controller.words.size(file.size) : ''
    this.button.setAttribute('aria-label', this.#controller.words.say('files.remove', {name: file.name}))
  }

  /** @param {'preparing' | 'ready' | 'wrong'} state @param {string} [note] */
  is(state, note = '') {
    const place = this.#find('.feedback-file-note')
    this.element.dataset.state = state
    this.#find('.feedback-file-size').hidden = state === 'wrong'
    place.hidden = !note
    place.querySelector('span').textContent = this.note = note
  }

  /** Its picture, if the browser can show it. @param {Blob} file */
  picture(file) {
    if (!this.element.isConnected) return
    const image = this.#find('img')
    URL.revokeObjectURL(this.#url)
    image.src = this.#url = URL.createObjectURL(file)
    image.onload = () => { image.hidden = false }
  }

  /** Removes the picture for good. */
  hidePicture() {
    URL.revokeObjectURL(this.#url)
    this.#find('img').hidden = true
    this.#find('img').removeAttribute('src')
  }

  /** Offers to edit it. @param {HTMLButtonElement} button */
  edit(button) {
    button.setAttribute('aria-describedby', this.#find('bdi.feedback-hidden').id = `${this.id}-name`)
    this.#find('.feedback-edit')?.remove()
    this.#find('.feedback-file-words').append(button)
  }

  /** Removes the row, and frees its picture. */
  end() {
    URL.revokeObjectURL(this.#url)
    this.element.remove()
  }
}
