// What a page looks like with and without the product's stylesheet, measured in the page. Called with {parts, sheet, sets}.
;({parts, sheet, sets}) => {
  const own = [...document.styleSheets].filter(each => each.href && each.href.endsWith(sheet))
  const switched = disabled => { for (const each of own) each.disabled = disabled }

  const seen = id => {
    const element = document.getElementById(id)
    if (!element || element.closest('[hidden]')) return null
    const shown = element.matches('input[type=radio], input[type=checkbox], input[type=file]') ? element.closest('label, .feedback-add') ?? element : element
    if (!shown.checkVisibility({opacityProperty: true, visibilityProperty: true})) return false
    const {width, height, right, bottom} = shown.getBoundingClientRect()
    const {clipPath, pointerEvents} = getComputedStyle(shown)
    const isCut = /inset\((50|100)%|circle\(0/.test(clipPath)
    return width > 1 && height > 1 && right + scrollX > 0 && bottom + scrollY > 0 && !isCut && pointerEvents !== 'none'
  }

  const looks = element => {
    const box = element.closest('.feedback-box, .feedback-tile, .feedback-consent, .feedback-add')
    return [element, box].filter(Boolean).map(each => {
      const {outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor, textDecoration} = getComputedStyle(each)
      const outline = outlineStyle === 'none' || /, 0\)$/.test(outlineColor) ? 'none' : outlineStyle + outlineWidth + outlineColor
      return [outline, boxShadow, borderColor, backgroundColor, textDecoration].join()
    }).join()
  }

  const named = element => element.id ? `#${element.id}` : `.${element.classList[0] ?? element.localName}`

  const unringed = () => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), textarea, summary')]
    .filter(element => element.checkVisibility() && !element.disabled && !element.closest('[aria-hidden=true]'))
    .filter(element => {
      element.blur()
      const before = looks(element)
      element.focus({focusVisible: true, preventScroll: true})
      return document.activeElement === element && looks(element) === before
    })
    .map(named)

  const measured = () => ({
    hidden: parts.filter(id => seen(id) === false),
    unringed: unringed(),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  })

  switched(true)
  const ours = measured()
  switched(false)
  const theirs = measured()
  return {
    hidden: theirs.hidden.filter(id => !ours.hidden.includes(id)),
    unringed: [...new Set(theirs.unringed.filter(name => !ours.unringed.includes(name)))],
    overflow: ours.overflow > 0 ? 0 : theirs.overflow,
    dropped: sets.map(([name, value], index) => CSS.supports(name, value) ? -1 : index).filter(index => index >= 0),
  }
}
