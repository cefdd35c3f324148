// @ts-check
/** Starts the workers of this page. */

/** Each Trusted Types policy, which can be made once, gives out one address. @type {Record<string, any>} */
const policies = {}

/** A worker; undefined if the browser has none that can draw. @param {string} policy that the page's own policy allows
 * @param {string} address @returns {Worker | undefined} */
export function startWorker(policy, address) {
  if (typeof Worker !== 'function' || typeof OffscreenCanvas !== 'function') return
  const {trustedTypes} = /** @type {any} */ (globalThis)
  const rules = {createScriptURL: () => address}
  try {
    policies[policy] ??= trustedTypes?.createPolicy(policy, rules) ?? rules
    return new Worker(policies[policy].createScriptURL(''), {type: 'module'})
  } catch {
    return // refused: the page does the work itself
  }
}
