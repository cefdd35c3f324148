/** Compiles App.svelte, which esbuild cannot, and writes the module that mounts it. */
import {readFileSync} from 'node:fs'
import {compile} from 'svelte/compiler'

const source = readFileSync(new URL('App.svelte', import.meta.url), 'utf8')
const {js} = compile(source, {filename: 'App.svelte', generate: 'client', dev: false})
process.stdout.write(`${js.code}\nimport {mount} from 'svelte'\nmount(App, {target: document.querySelector('#app')})\n`)
