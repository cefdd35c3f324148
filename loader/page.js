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

/** Has the module for pages that change say which tag counts. @param {any} [script] a tag that came later */
async function follow(script) {
  const {next} = await bring('page')
  if (own) tag = next?.(own, OPTIONS, tag, address, script) ?? tag
}

export async function keep() {
  if (tag?.isConnected == false) await follow()
  if (!own) return
  const place = /** @type {any} */ (document[home])
  if (tag.isConnected == false) own.remove()
  else if (own.parentNode != place) {
    if (place.moveBefore && own.isConnected) place.moveBefore(own, null)
    else if (!own.isConnected || !reached) left-- && place.append(own)
  }
  // Last, so that our own change calls for no second look.
  for (const node of [document.body, document.documentElement, document]) observer.observe(node, {childList: true})
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
  if (own) return follow(script)
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
  tag = own = null
}
