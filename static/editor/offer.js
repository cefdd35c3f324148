// @ts-check
/** Offers to edit attached pictures, and loads the editor on demand. */
import {isReadable} from '../form/canvas.js'
import {dress, make} from './dom.js'
import {editorWords} from './words.js'
/** @import {FormController} from '../form/form-controller.js' */
/** @import {FileRow} from '../form/file-row.js' */
/** @import {Tool, Work} from '../../editor/editor.js' */

/** @typedef {{file: File, row: FileRow, work?: Work, made?: Blob}} Picture `made`: what its file was made of, once it was edited */

const TOOLS = /** @type {Record<string, Tool[]>} */ ({
  on: ['move', 'crop', 'box', 'arrow', 'pen', 'text', 'black'],
  'black-out': ['move', 'crop', 'black'],
})

/**
 * @param {FormController} controller @param {Picture} picture
 * @param {(file: Blob | undefined | null) => void} replace replaces the file; undefined: it is being
 *   made, so the old one must not be sent; null: that failed, and it must not be sent either
 * @param {(edit: Promise<void>) => void} begin hears of each time that the editor is opened
 * @param {AbortSignal} signal withdraws the offer
 */
export async function offer(controller, picture, replace, begin, signal) {
  const {form} = controller
  if (!isReadable()) return
  const [words] = await Promise.all([editorWords(), dress('extras.css')])
  const button = make('button', {type: 'button', class: 'feedback-link feedback-edit', click: () => press()}, words.say('editor.offer'))
  await controller.fields.still
  picture.row.edit(button)

  function press() {
    if (form.isOpen && button.ariaDisabled !== 'true') begin(open())
  }

  async function open() {
    button.ariaDisabled = 'true'
    const {name, type} = picture.file
    let isBeingMade = false
    try {
      const [module] = await Promise.all([import('./editor.js'), dress('editor.css')])
      const {Editor} = /** @type {typeof import('../../editor/editor.js')} */ (/** @type {unknown} */ (module))
      const types = /** @type {('png' | 'jpeg')[]} */ (type === 'image/png' ? ['png', 'jpeg'] : ['jpeg']).filter(type => form.takes(`image/${type}`))
      const editor = new Editor(words, {
        name, work: picture.work ?? {base: picture.file}, target: {types, limit: form.maxSize},
        tools: TOOLS[form.getAttribute('edit') ?? 'on'], onMade: file => {
          isBeingMade = !file
          picture.made = file
          replace(file)
        },
      })
      await form.stage('full')
      const edited = await editor.edit(signal)
      if (!edited) return
      picture.work = edited.work
      if (isBeingMade || edited.file !== (picture.made ?? picture.file)) replace(picture.made = edited.file)
      controller.say(words.say('editor.edited', {name: picture.row.name}))
    } catch {
      if (signal.aborted) return
      if (isBeingMade) return replace(null)
      const message = words.say('editor.failed')
      controller.faults.tell({field: 'files', code: '', message})
    } finally {
      button.ariaDisabled = null
      await form.stage('')
      if (!signal.aborted && form.isOpen) button.focus()
    }
  }
}
