/** This script's address, and its tag. */

export const NAME = 'insider-feedback'

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript)

/**
 * The script's own address. Modules, and tags in shadow roots, have no `currentScript`; there the stack names the file
 * that runs, so that no other vendor's embed.js is taken for ours.
 */
export const src = /** @type {string} */ (script?.src ?? /https?:\S+?\/embed\.js[^\s:)]*/.exec(/** @type {any} */ (Error().stack))?.[0])

/** An address beside this script's. By text: `URL` is a name that pages take for their own. @param {string} path @returns {string} */
export const beside = path => src.replace(/[^/]*(\?.*)?$/, path)

/** A module beside this script, loaded on demand; empty if that fails. @param {string} name @returns {Promise<any>} */
export const bring = name => import(beside(`static/embed-${name}.js`)).catch(() => ({}))

/** Calls with the tag: at once if the browser names one with a product, else after a search. @param {(tag: any) => void} mount */
export const withTag = mount => script?.dataset.product ? mount(script) : bring('page').then(({find}) => find?.(src, mount))
