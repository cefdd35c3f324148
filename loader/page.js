/**
 * The element that a tag creates: exactly one, as long as the page has its tag, whatever happens to the body.
 *
 * It belongs outside the body, where page swaps, hydration and the host's `inert` do not reach it. But React 18, which
 * may be about to hydrate the whole document, accepts nothing beside the body, only at its end. So the
 * element is there until the page has settled or somebody is about to use the form.
 */
import {widgets} from './guard.js'
import {OPTIONS} from './options.js'
import {NAME, bring} from './source.js'

/** @type {any} */
export let own
/** @type {any} */
let tag
let address = ''
let left = 50 // times that a page may take the element away before we let it
/** Which part of the document the element belongs into now. @type {'body' | 'documentElement'} */
let home = 'body'
let reached = false // it may have a frame by now, which only `moveBefore` moves intact

const observer = new MutationObserver(keep)

export async function keep() {
  if (tag && !tag.isConnected) tag = await bring('page').then(({next}) => next?.(tag, address))
  if (!own) return
  for (const {element} of widgets) if (element != own && element.slot == NAME) element.remove() // from a page's own snapshots
  const place = /** @type {any} */ (document[home])
  if (tag?.isConnected == false) own.remove()
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

/** Takes a tag's options. A tag of the present product changes nothing. @param {any} script */
export function mount(script) {
  const {dataset} = script
  if ('debug' in dataset) bring('debug')
  if (!dataset.product) return
  tag = script.isConnected && script
  address = document.URL
  if (own?.product != dataset.product) {
    own?.remove()
    own = document.createElement(NAME)
    own.setAttribute('slot', NAME)
    for (const key in OPTIONS) if (dataset[key]) own.set({[key]: dataset[key]})
  }
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
