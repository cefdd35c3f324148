// @ts-check
/** The pixels of the edited picture. Runs in a worker, or in the main thread where workers cannot draw. */
import {blank} from '../static/form/canvas.js'
import {MOST_PIXELS, draw, encode, fit} from '../static/form/picture.js'
import {BORDER, HALO, INK, boundsOf, fontOf, pathOf, strokeOf} from './shapes.js'
import {TEXT_BORDER, textPlace} from './text.js'
/** @import {Bounds, Mark} from './shapes.js' */
/** @import {Drawing} from './scene.js' */

/** @typedef {{types: ('png' | 'jpeg')[], limit: number}} Target media types in the order in which they are tried, and bytes */

const VIEW = 2048 // pixels: the longer side of the view

export class Paint {
  /** @type {any} */
  #canvas
  /** @type {any} */
  #context

  /** @param {Blob} file @returns {Promise<{width: number, height: number, view: ImageBitmap}>} */
  async open(file) {
    const image = await createImageBitmap(file)
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (image.width * image.height)))
    const [canvas, context] = draw(image, scale)
    image.close()
    this.#canvas = canvas
    this.#context = context
    return {width: canvas.width, height: canvas.height, view: await this.#view()}
  }

  /** Blackens pixels for good. @param {Bounds} bounds @param {Target} target @returns {Promise<{view: ImageBitmap, file: Blob}>} */
  async burn(bounds, target) {
    blacken(this.#context, bounds)
    return {view: await this.#view(), file: await packed(this.#canvas, target)}
  }

  /** The picture with its marks, cropped. @param {Drawing} drawing @param {Target} target @returns {Promise<Blob>} */
  async finish({marks, crop}, target) {
    const {width, height} = this.#canvas
    const {left, top, right, bottom} = boundsOf(crop?.points ?? [[0, 0], [width, height]])
    const [x, y] = [Math.round(left), Math.round(top)]
    const [canvas, context] = blank(Math.max(1, Math.round(right) - x), Math.max(1, Math.round(bottom) - y))
    context.drawImage(this.#canvas, -x, -y)
    context.translate(-x, -y)
    for (const mark of marks) paintMark(context, mark, strokeOf(width, height))
    return packed(canvas, target)
  }

  #view() {
    const {width, height} = this.#canvas
    const scale = Math.min(1, VIEW / Math.max(width, height))
    return createImageBitmap(this.#canvas, {resizeWidth: Math.max(1, Math.round(width * scale)), resizeHeight: Math.max(1, Math.round(height * scale)), resizeQuality: 'medium'})
  }
}

/** @param {any} context @param {Bounds} bounds */
function blacken(context, {left, top, right, bottom}) {
  const [x, y] = [Math.floor(left), Math.floor(top)]
  context.fillStyle = '#000'
  context.fillRect(x, y, Math.ceil(right) - x, Math.ceil(bottom) - y)
}

/** @param {any} context @param {Mark} mark @param {number} stroke */
function paintMark(context, mark, stroke) {
  if (mark.kind === 'black') return blacken(context, boundsOf(mark.points))
  Object.assign(context, {lineCap: 'round', lineJoin: 'round', strokeStyle: HALO, fillStyle: INK})
  if (mark.kind === 'text') return paintText(context, mark)
  const path = new Path2D(pathOf(mark, stroke))
  context.lineWidth = stroke * BORDER
  context.stroke(path)
  context.strokeStyle = INK
  context.lineWidth = stroke
  context.stroke(path)
}

/** @param {any} context @param {Mark} mark */
function paintText(context, {points, text = ''}) {
  const {x, y, size} = textPlace(points)
  Object.assign(context, {font: fontOf(size), textAlign: 'center', textBaseline: 'alphabetic', lineWidth: size * TEXT_BORDER})
  context.strokeText(text, x, y)
  context.fillText(text, x, y)
}

/** The best result that fits: lossless at full size, else the next type, scaled down if necessary.
 * @param {any} canvas @param {Target} target @returns {Promise<Blob>} */
async function packed(canvas, {types, limit}) {
  if (types.length > 1) {
    const whole = await encode(canvas, `image/${types[0]}`, 1)
    if (whole.size <= limit) return whole
  }
  const found = await fit(canvas, types[types.length - 1], 1, limit)
  if (!found) throw new Error('file_too_large.picture')
  return found.blob
}
