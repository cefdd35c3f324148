/**
 * The element that a tag creates: exactly one, as long as the page has its tag, whatever happens to the body.
 *
 * It belongs outside the body, where page swaps, hydration and the host's `inert` do not reach it. But React 18, which
 * may be about to hydrate the whole document, accepts nothing beside the body, only at its end. So the
 * element is there until the page has settled or somebody is about to use the form.
 */
import {OPTIONS} from './options.js'
import {NAME, bring} from './source.js'

/** @type {any} */
export let own
/** The tag that counts; an object that is no element if it went alone, or if there was none. @type {any} */
let tag
let address = ''
let left = 50 // times that a page may take the element away before we let it
/** Which part of the document the element belongs into now. @type {'body' | 'documentElement'} */
let home = 'body'
let reached = false // it may have a frame by now, which only `moveBefore` moves intact

const observer = new MutationObserver(() => keep())

/** @param {any} [script] a tag that came later */
export async function keep(script) {
  if (script || tag?.isConnected == false) {
    const {next} = await bring('page')
    tag = own && next?.(own, OPTIONS, tag, address, script) || {} // if that does not load, the element stays
  }
  const place = /** @type {any} */ (own && document[home])
  if (!place) return
  if (tag.isConnected == false) own.remove()
  else if (own.parentNode != place) {
    if (place.moveBefore && own.isConnected) place.moveBefore(own, null)
    else if (!own.isConnected || !reached) left-- && place.append(own)
  }
  // Last, so that our own change calls for no second look.
  observer.observe(document.body, {childList: true})
  observer.observe(document.documentElement, {childList: true})
  observer.observe(tag.parentNode ?? document, {childList: true}) // notices a tag that goes alone
}

function settle() {
  home = 'documentElement'
  keep()
}

function begin() {
  keep()
  setTimeout(settle, 2000) // milliseconds, by when the page's scripts have begun
}

/** Takes a tag's options. @param {any} script */
export function mount(script) {
  const {dataset} = script
  if ('debug' in dataset) bring('debug')
  if (!dataset.product) return
  if (own) return keep(script)
  tag = script.isConnected ? script : {dataset}
  address = document.URL
  own = document.createElement(NAME)
  own.slot = NAME // marks it in the page's own snapshots
  for (const key in OPTIONS) if (dataset[key]) own.set({[key]: dataset[key]})
  if (document.readyState != 'loading') begin()
  else document.addEventListener('DOMContentLoaded', begin)
}

/** Somebody is about to use the form of an element. @param {Element} element */
export function reach(element) {
  if (element != own) return
  reached = true
  if (own.moveBefore) settle()
}

export function unmount() {
  own?.remove()
  observer.disconnect()
  own = tag = null
}
