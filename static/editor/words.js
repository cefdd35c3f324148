// @ts-check
/** The texts of the editor and the hints, which load on demand. */
import {Words} from '../form/words.js'

/** @type {Promise<Words> | undefined} */
let words

/** @returns {Promise<Words>} */
export function editorWords() {
  return words ??= load().catch(error => {
    words = undefined
    throw error
  })
}

async function load() {
  const {lang} = document.documentElement
  const answer = await fetch(`${location.pathname.replace(/\/$/, '')}/words.json?lang=${encodeURIComponent(lang)}`)
  if (!answer.ok) throw new Error(`answered ${answer.status}`)
  return new Words(await answer.json())
}
