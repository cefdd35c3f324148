/** The loader's tag in the page: found if the browser does not say which it is, and followed when pages are swapped. */

/** @param {string} src the script's own address @param {ParentNode} [root] @returns {any} */
export function find(src, root = document) {
  return search(src, root) ?? {dataset: {}}
}

/** @param {string} src @param {ParentNode} root @returns {any} */
function search(src, root) {
  for (const node of /** @type {NodeListOf<any>} */ (root.querySelectorAll('*'))) {
    const found = node.localName === 'script' && node.src === src ? node : node.shadowRoot && search(src, node.shadowRoot)
    if (found) return found
  }
}

const gone = new WeakSet()

/**
 * The tag that counts after one has left the document: the same tag in the new page; itself, which means that
 * this page does not want the button; or null, if it went alone, as scripts do that tidy up after themselves.
 *
 * @param {HTMLScriptElement} tag @param {string} address of the page when the tag was read
 */
export function next(tag, address) {
  const like = [...document.scripts].find(({src, dataset}) => src === tag.src && dataset.product === tag.dataset.product)
  if (like) return like
  if (address === location.href && !gone.has(tag)) return null
  gone.add(tag)
  return tag
}
