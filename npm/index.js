/** Loads embed.js from the service. Nothing here touches the page at import, so servers may render with it. */

const EVENTS = ['open', 'close', 'ready', 'resize', 'dirty', 'submit', 'success', 'error']

/**
 * The browser fetches and runs a module once, however often it is asked for, and a policy for scripts needs no more than
 * the service's address.
 */
export async function load({url, ...options}) {
  if (typeof document === 'undefined') throw new Error('load() needs a browser: call it in an effect, not while a server renders.')
  if (!/^(https?:)?\//.test(url)) throw new TypeError(`load() needs the address of the service, as in {url: 'https://feedback.example.com'}: ${url} is none.`)
  await import(/* @vite-ignore */ /* webpackIgnore: true */ `${url.replace(/\/*$/, '/')}embed.js`)
  if (Object.keys(options).length) window.InsiderFeedback.set(options)
  return window.InsiderFeedback
}

/**
 * What the components share: an `<insider-feedback>` in the page follows options, and its events are heard. Options are
 * assigned before the script comes, so that the element never stands there without a product. What is no option stays there
 * as a property of the element's own; the script is told of it, and says so.
 */
export function follow(element, hear) {
  let now = {}, last
  const listener = ({type, detail}) => hear(type.slice('feedback-'.length), detail)
  for (const type of EVENTS) element.addEventListener(`feedback-${type}`, listener)
  return {
    update({url, ...options}) {
      for (const key of Object.keys({...now, ...options})) {
        const value = options[key] ?? null
        if (value !== (now[key] ?? null)) element[key] = value
      }
      now = options
      const tell = () => { for (const key in options) if (Object.hasOwn(element, key)) element.set?.({[key]: options[key]}) }
      load({url}).then(tell).catch(error => {
        if (error.message !== last) console.warn(`[feedback] ${last = error.message}`) // not with each rendering
        hear('error', {product: options.product, code: 'script_blocked', retryable: true, cause: error})
      })
    },
    end() {
      for (const type of EVENTS) element.removeEventListener(`feedback-${type}`, listener)
    },
  }
}
