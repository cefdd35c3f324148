// @ts-check
/** Edits pixels for `painter.js`, beside the main thread; where there are no workers, it is a module like any other. */
import {Paint} from './paint.js'

export {Paint}

const paint = new Paint()

if (typeof document === 'undefined') addEventListener('message', async ({data: {id, call, values}}) => {
  try {
    const result = await /** @type {any} */ (paint)[call](...values)
    postMessage({id, result}, {transfer: result.view ? [result.view] : []})
  } catch (error) {
    postMessage({id, fault: error instanceof Error ? error.message : ''})
  }
})
