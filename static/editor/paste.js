// @ts-check
/** Says how to paste a screenshot, with the keys of this computer, if the browser allows no page to take one. */
import {dress, make} from './dom.js'
import {editorWords} from './words.js'

/** @param {Element} place which it comes after */
export async function suggest(place) {
  const {platform} = /** @type {any} */ (navigator).userAgentData ?? navigator
  const system = /mac/i.test(platform) ? 'mac' : /win/i.test(platform) ? 'windows' : 'other'
  const [words] = await Promise.all([editorWords(), dress('extras.css')])
  place.after(make('span', {class: 'feedback-limit feedback-paste'}, words.say(`editor.paste.${system}`)))
}
