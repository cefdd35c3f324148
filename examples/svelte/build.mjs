/** Svelte's compiler as a plugin of esbuild. `node build.mjs [--serve]` */
import {readFile} from 'node:fs/promises'
import {build, context} from 'esbuild'
import {compile} from 'svelte/compiler'

const svelte = {
  name: 'svelte',
  setup: ({onLoad}) => onLoad({filter: /\.svelte$/}, async ({path}) => {
    const {js} = compile(await readFile(path, 'utf8'), {filename: path, generate: 'client'})
    return {contents: js.code, loader: 'js'}
  }),
}
const options = {
  entryPoints: ['app.js'], outfile: 'app.bundle.js', bundle: true, format: 'esm', conditions: ['browser'],
  preserveSymlinks: true, plugins: [svelte], logLevel: 'warning',
}
if (process.argv.includes('--serve')) await (await context(options)).serve({servedir: '.', port: 5173})
else await build(options)
