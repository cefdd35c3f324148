// @ts-check
/** Canvases for pictures, and whether this browser tells what is on them. */

const EDGE = 8 // pixels
const NEAR = 32 // of 255: some browsers change each value a little

/** @param {number} width @param {number} height @returns {[any, any]} canvas and context */
export function blank(width, height) {
  const canvas = typeof OffscreenCanvas === 'function'
    ? new OffscreenCanvas(width, height) : Object.assign(document.createElement('canvas'), {width, height})
  const context = /** @type {any} */ (canvas.getContext('2d'))
  context.imageSmoothingQuality = 'high'
  return [canvas, context]
}

/** Whether what is drawn can be read. A browser that resists fingerprinting, such as Tor's, returns noise instead, and no
 * error: a picture that was converted or edited would be lost without a word. Others refuse. */
export function isReadable() {
  const [, context] = blank(EDGE, EDGE)
  context.fillStyle = '#fff'
  context.fillRect(0, 0, EDGE, EDGE)
  context.fillStyle = '#000'
  context.fillRect(0, 0, EDGE, EDGE / 2)
  try {
    const {data} = context.getImageData(0, 0, EDGE, EDGE)
    return data.every((/** @type {number} */ value, /** @type {number} */ place) =>
      Math.abs(value - (place % 4 === 3 || place >= data.length / 2 ? 255 : 0)) < NEAR)
  } catch {
    return false
  }
}
