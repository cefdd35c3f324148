/** `<insider-feedback use:feedback={{url, product, …}}>` for Svelte. */
import {follow} from './index.js'

export function feedback(element, options) {
  const following = follow(element, () => {})
  following.update(options)
  return {update: following.update, destroy: following.end}
}
