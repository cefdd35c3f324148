// @ts-check
/** Edits pixels in a worker, or in the main thread if the browser has no such workers. */
import {startWorker} from '../static/form/worker.js'
/** @import {Bounds} from './shapes.js' */
/** @import {Drawing} from './scene.js' */
/** @import {Paint, Target} from './paint.js' */

const address = new URL('paint-worker.js', import.meta.url).href

export class Painter {
  #worker = startWorker('feedback-editor', address)
  #calls = 0
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  #waiting = new Map()
  /** @type {Promise<Paint> | undefined} */
  #here

  constructor() {
    if (!this.#worker) return
    this.#worker.onmessage = ({data: {id, result, fault}}) => {
      const {resolve, reject} = this.#waiting.get(id) ?? {}
      this.#waiting.delete(id)
      if (fault === undefined) resolve?.(result)
      else reject?.(new Error(fault))
    }
    this.#worker.onerror = () => this.#fail()
  }

  /** @param {Blob} file @returns {ReturnType<Paint['open']>} */
  open(file) { return this.#call('open', file) }

  /** @param {Bounds} bounds @param {Target} target @returns {ReturnType<Paint['burn']>} */
  burn(bounds, target) { return this.#call('burn', bounds, target) }

  /** @param {Drawing} drawing @param {Target} target @returns {ReturnType<Paint['finish']>} */
  finish(drawing, target) { return this.#call('finish', drawing, target) }

  end() {
    this.#worker?.terminate()
    this.#fail()
  }

  #fail() {
    for (const {reject} of this.#waiting.values()) reject(new Error(''))
    this.#waiting.clear()
  }

  /** @param {'open' | 'burn' | 'finish'} call @param {unknown[]} values @returns {Promise<any>} */
  async #call(call, ...values) {
    if (!this.#worker) {
      this.#here ??= import(address).then(({Paint}) => new Paint())
      return (/** @type {any} */ (await this.#here))[call](...values)
    }
    const id = ++this.#calls
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {resolve, reject})
      this.#worker?.postMessage({id, call, values})
    })
  }
}
