/** Styles for browsers without `light-dark`, which get the light colours, and without constructed sheets, which get an element. */

/** @param {ShadowRoot} root @param {string} css */
export function dress(root, css) {
  css = css.replace(/light-dark\((.+?),.+?\)/g, '$1')
  if (!CSS.supports('color', 'color-mix(in srgb,red,red)')) css = css.replace(/color-mix\(in srgb,(.+?),.+?\)/g, '$1')
  try {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
  } catch {
    const style = document.createElement('style')
    style.nonce = [...document.scripts].find(({nonce}) => nonce)?.nonce ?? '' // for pages whose policy asks for one
    style.textContent = css
    root.append(style)
  }
}
