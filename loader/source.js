/** This script's address, and its tag. */

export const NAME = 'insider-feedback'

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript)

/**
 * The script's own address. Modules, and tags in shadow roots, have no `currentScript`; there the stack names the file
 * that runs, so that no other vendor's embed.js is taken for ours.
 */
export const src = script?.src ?? /https?:\S+?\/embed\.js[^\s:)]*/.exec(Error().stack + '')?.[0]

/** A module beside this script, loaded on demand; undefined if that fails. @param {string} name @returns {Promise<any>} */
export const bring = name => import(new URL(`static/embed-${name}.js`, src) + '').catch(() => ({}))

/** Calls with the tag: at once if the browser says which it is, else after a search. @param {(tag: any) => void} mount */
export const withTag = mount => script ? mount(script) : bring('page').then(({find}) => find && mount(find(src)))
