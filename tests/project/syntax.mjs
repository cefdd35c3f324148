// The files that are written for younger browsers than the builds are made for, with the first line that is: as JSON.
import {readFileSync} from 'node:fs'
import {transform} from 'esbuild'

const {scripts} = JSON.parse(readFileSync('package.json', 'utf-8'))
const target = /--target=(\S+)/.exec(scripts.loader)[1].split(',')
const supported = {'regexp-unicode-property-escapes': true} // all of them know those that we use; esbuild asks for the newest names
const found = {}
for (const file of process.argv.slice(2)) {
  const options = {loader: file.endsWith('.css') ? 'css' : 'js', charset: 'utf8', logLevel: 'silent'}
  const source = readFileSync(file, 'utf-8')
  const [{code: written}, {code: lowered}] = await Promise.all([
    transform(source, {...options, target: 'esnext'}), transform(source, {...options, target, supported}),
  ])
  const [lines, other] = [written, lowered].map(code => code.split('\n').filter(text => !/^\s*-webkit-/.test(text))) // no syntax
  const line = lines.find((text, at) => text !== other[at])
  if (line !== undefined) found[file] = line.trim()
}
console.log(JSON.stringify(found))
