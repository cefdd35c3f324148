/** What every app renders the element with, until `change(options)` says otherwise; a page may say so before. */
export const FIRST: Record<string, unknown> = Object.assign({}, (window as any).options ?? {
  product: 'demo', mode: 'dialog', position: 'top-start', theme: 'light', lang: 'fr', email: 'mara@northwind.example',
  label: 'Tell us', zIndex: 7, launcher: 'true', context: {page: 'orders'}, identity: 'a.b.c',
})

export const place = document.querySelector('#app')!

/** Lets the test render anew. */
export function changeBy(change: (options: Record<string, unknown>) => void) {
  Object.assign(window, {change})
}

/** Where they may come to be attributes: as attributes are written. */
export function written({zIndex, ...others}: Record<string, unknown>) {
  return zIndex === undefined ? others : {...others, 'z-index': zIndex}
}
