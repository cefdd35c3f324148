/** The loader's tag in the page: found if the browser does not say which it is, and followed when pages are swapped. */

/**
 * Calls with the tag of the script: of several, one that names a product. jQuery, for one, puts the tag into the page, but
 * runs a copy without its attributes, which is gone afterwards.
 *
 * @param {string} src the script's own address @param {(tag: any) => void} mount
 */
export function find(src, mount) {
  const ours = [...document.scripts].filter(script => script.src === src)
  const tags = ours.length ? ours : [...search(src, document)] // to look into every shadow root takes long in a large page
  const tag = tags.find(({dataset}) => dataset.product) ?? tags[0]
  if (tag && !tag.dataset.product && tag.getAttributeNames().some((/** @type {string} */ name) => MEANT.test(name))) complain(tag)
  mount(tag ?? {dataset: {}})
}

/** Attributes of a tag that is meant to make a button. */
const MEANT = /prod|^data-(email|label|lang|launcher|mode|position|test|theme|z-index)$/

/** @param {Element} tag */
function complain(tag) {
  import('./embed-advice.js').then(({review, say}) => {
    say('The script tag names no product, so it makes no button. Write data-product="…" with the product\'s slug.')
    review(tag, 'data-')
  }).catch(() => {})
}

/** @param {string} src @param {ParentNode} root @returns {Generator<any>} */
function* search(src, root) {
  for (const node of /** @type {NodeListOf<any>} */ (root.querySelectorAll('*'))) {
    if (node.localName === 'script' && node.src === src) yield node
    if (node.shadowRoot) yield* search(src, node.shadowRoot)
  }
}

const gone = new WeakSet()

/** What the last tag that counted said, and where. @type {any} */
let last

/**
 * The tag that counts from now on, after one has left the document or another one has come: the new one; the same tag in
 * a new page; the last one, which means that this page does not want the button; or an object that is no element, if it
 * went alone, as scripts do that tidy up after themselves.
 *
 * @param {any} own the element @param {Record<string, string>} options all that there are @param {any} tag
 * @param {string} address of the page when the first tag was read @param {any} [script] a tag that came later
 */
export function next(own, options, tag, address, script) {
  const {given, address: here} = last?.own === own ? last : {given: tag.dataset ?? {}, address}
  own.dir = document.body?.dir ?? ''
  own.set({}) // the next page may speak another language
  const isHere = here.split('#')[0] === location.href.split('#')[0]
  const came = script !== tag && script // else it ran before the page swap that has taken its tag away
  const isOther = came && came.dataset.product !== own.product
  if (tag.isConnected !== false && (script === tag || came && isHere && !isOther)) return tag
  const found = came || [...document.scripts].find(({src, dataset}) => src === tag.src && dataset.product === tag.dataset?.product)
  if (!found) {
    if (!gone.has(tag) && (isHere || isInserted(tag, here))) return {dataset: tag.dataset}
    gone.add(tag)
    return tag
  }
  const {dataset} = found
  if (isOther) for (const key in options) own.set({[key]: null})
  // What only the last tag gave goes with it, as the person may be another one. What scripts have set stays.
  for (const key in options) if ((dataset[key] || given[key]) && own[key] != dataset[key]) own.set({[key]: dataset[key]})
  last = {own, given: dataset, address: location.href}
  return found.isConnected ? found : {dataset}
}

/**
 * Whether a script of the page, such as a tag manager, put the tag into the first document, so that no later page could
 * have it: the browser asks for what is in the document itself before it has read all of that.
 *
 * @param {any} tag @param {string} address where it was read
 */
function isInserted(tag, address) {
  const [page] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'))
  const [asked] = performance.getEntriesByName(tag.src)
  return page?.name.split('#')[0] === address.split('#')[0] && asked?.startTime > page.domInteractive
}
