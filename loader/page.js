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
/** @type {string} */
let address
let left = 50 // times that a page may take the element away in ten seconds before we let it
/** Which part of the document the element belongs into now. @type {'body' | 'documentElement'} */
let home = 'body'
/** Whether it may have a frame that nothing moves intact, in browsers without `moveBefore`. @type {boolean} */
let stays

const observer = new MutationObserver(() => keep())

/** Waits until the page has loaded, and a second or two longer: by then its scripts have begun. */
function begin() {
  keep()
  setTimeout(document.readyState != 'complete' ? begin : settle, 1000)
}

/** Somebody is about to use the form of an element. @param {any} element */
export function reach(element) {
  if (element != own) return
  if (element.moveBefore) settle()
  else stays = true
}

function settle() {
  home = 'documentElement'
  keep()
}

/** @param {any} [script] a tag that came later */
export async function keep(script) {
  if (script || tag?.isConnected == false) {
    const {next} = await bring('page')
    tag = own && next?.(own, OPTIONS, tag, address, script) || {} // if that does not load, the element stays
  }
  const place = /** @type {any} */ (own && document.body && document[home])
  if (!place) return
  if (tag.isConnected === false) own.remove()
  else if (own.parentNode != place && (!own.isConnected || !stays) && left-- > 0) {
    place.moveBefore && own.isConnected ? place.moveBefore(own, null) : place.append(own)
    setTimeout(() => left++, 1e4)
    own.dir = document.body.dir // not inherited outside of the body
  }
  own.inert = own.ariaHidden = null // what a modal of the page did to it in the body
  // Last, so that our own change calls for no second look.
  observer.observe(document.body, {childList: true})
  observer.observe(document.documentElement, {childList: true})
  observer.observe(document, {childList: true})
  observer.observe(tag.parentNode ?? document, {childList: true}) // notices a tag that goes alone
}

/** Takes a tag's options. @param {any} script */
export function mount(script) {
  const dataset = script.dataset
  if ('debug' in dataset) bring('debug')
  if (!dataset.product) return
  if (own) return keep(script)
  tag = script.isConnected ? script : {dataset}
  address = document.URL
  own = document.createElement(NAME)
  own.slot = NAME // marks it in the page's own snapshots
  for (const key in OPTIONS) if (dataset[key]) own.set({[key]: dataset[key]})
  if (document.readyState == 'loading') document.addEventListener('readystatechange', begin, {once: true}) // also if somebody stops the page
  else begin()
}

export function unmount() {
  observer.disconnect()
  own?.remove()
  own = tag = null
}
