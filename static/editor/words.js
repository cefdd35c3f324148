// @ts-check
/** The words of the editor and of the hints, which no page carries that shows neither. */
import {Words} from '../form/words.js'

/** @type {Promise<Words> | undefined} */
let words

/** @param {string} product @returns {Promise<Words>} */
export function editorWords(product) {
  return words ??= load(product).catch(error => {
    words = undefined
    throw error
  })
}

/** @param {string} product */
async function load(product) {
  const {lang} = document.documentElement
  const answer = await fetch(`${location.pathname.replace(/\/$/, '')}/words.json?lang=${encodeURIComponent(lang)}`)
  if (!answer.ok) throw new Error(product)
  return new Words(await answer.json())
}
