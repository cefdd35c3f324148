// @ts-check
/** Converts one picture for `pictures.js` in a worker. */
import {convert} from './picture.js'

addEventListener('message', async ({data: {file, kind, limit}}) => {
  try {
    postMessage(await convert(file, kind, limit))
  } catch (error) {
    postMessage({fault: error instanceof Error ? error.message : ''})
  }
})
