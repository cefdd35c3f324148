// @ts-check
/** Converts pictures in a worker, or in the main thread if the browser has no such workers. */
import {called} from './file-kind.js'
import {startWorker} from './worker.js'
/** @import {Kind} from './file-kind.js' */

/** @typedef {{blob: Blob, done: string[]}} Converted what was done, in the order of the words' keys */

const address = new URL('picture-worker.js', import.meta.url).href

/**
 * @param {File} file @param {Kind} kind @param {number} limit in bytes
 * @returns {Promise<{file: File, done: string[]}>}
 * @throws {Error} whose message is an error code, with its variant
 */
export async function convert(file, kind, limit) {
  const {blob, done} = await (beside(file, kind, limit) ?? (await import('./picture.js')).convert(file, kind, limit))
  return {file: called(blob, file.name, blob.type.slice('image/'.length)), done}
}

/** @param {File} file @param {Kind} kind @param {number} limit @returns {Promise<Converted> | undefined} */
function beside(file, kind, limit) {
  const worker = startWorker('feedback-worker', address)
  if (!worker) return
  return new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => data.fault ? reject(new Error(data.fault)) : resolve(data)
    worker.onerror = () => import('./picture.js').then(({convert}) => convert(file, kind, limit)).then(resolve, reject)
    worker.postMessage({file, kind, limit})
  }).finally(() => worker.terminate())
}
