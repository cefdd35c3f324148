/** Where this script comes from, and the tag that brought it. */

export const NAME = 'insider-feedback'

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript)

/**
 * The script's own address. Modules, and tags in shadow roots, have no `currentScript`; there the stack names the file
 * that runs, so that no other vendor's embed.js is taken for ours.
 */
export const src = script?.src ?? /https?:\S+?\/embed\.js[^\s:)]*/.exec(Error().stack + '')?.[0]

/** A module beside this script, fetched when it is needed; empty where it does not come. @param {string} name @returns {Promise<any>} */
export const bring = name => import(new URL(`static/embed-${name}.js`, src) + '').catch(() => ({}))

/** Calls with the tag: at once where the browser tells which it is, else once it was searched for. @param {(tag: any) => void} mount */
export const withTag = mount => script ? mount(script) : bring('page').then(({find}) => find && mount(find(src)))

export const nonce = script?.nonce
