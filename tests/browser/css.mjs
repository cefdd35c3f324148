// Every declaration of the style sheets that are named: [file, line, property, value, selectors, media queries], as JSON.
import {readFileSync} from 'node:fs'
import postcss from 'postcss'

const found = []
for (const file of process.argv.slice(2)) {
  const source = readFileSync(file, 'utf-8')
  const css = file.endsWith('.js') ? [...source.matchAll(/const (?:STYLE|CSS) = `([^`]*)`/g)].map(([, css]) => css.replaceAll('\\\n', '\n')).join('\n') : source
  postcss.parse(css.replace(/\$\{\w+\}/g, 'all')).walkDecls(({prop, value, parent, source}) => {
    const queries = []
    for (let rule = parent; rule; rule = rule.parent) if (rule.name === 'media') queries.push(rule.params)
    const isKeyframe = parent.parent?.name?.endsWith('keyframes')
    found.push([file.replace(/.*\/static\//, ''), source.start.line, prop, value, isKeyframe ? [] : parent.selectors ?? [], queries])
  })
}
console.log(JSON.stringify(found))
