// @ts-check
/** Converts a picture that the browser can decode into a JPEG or PNG that is accepted. */
import {blank, isReadable} from './canvas.js'
import {hasLocation} from './exif.js'
/** @import {Kind} from './file-kind.js' */
/** @import {Converted} from './pictures.js' */

export const MOST_PIXELS = 16_000_000 // the limit of some phones' canvases
const SMALL_PIXELS = 2_000_000 // up to here, lossless pictures stay lossless
const QUALITIES = [.9, .8, .7]
const TRIES = 8
const PROBE = 128 // pixels: the edge of the copy that is searched for transparency

/**
 * @param {File} file @param {Kind} kind @param {number} limit in bytes
 * @returns {Promise<Converted>}
 * @throws {Error} whose message is an error code, with its variant
 */
export async function convert(file, kind, limit) {
  const image = await decode(file, kind)
  try {
    if (!isReadable()) throw new Error(kind === 'jpeg' || kind === 'png' ? 'file_too_large' : 'file_type')
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (image.width * image.height)))
    const type = await wantsPng(image, file, kind) ? 'png' : 'jpeg'
    const found = await fit(image, type, scale, limit)
    if (!found) throw new Error('file_too_large.picture')
    const done = []
    if (kind !== found.type) done.push(found.type)
    if (file.size > limit || found.scale < 1) done.push('smaller')
    if (await hasLocation(file)) done.push('location')
    return {blob: found.blob, done}
  } finally {
    image.close()
  }
}

/** @param {File} file @param {Kind} kind */
async function decode(file, kind) {
  try {
    return await createImageBitmap(file)
  } catch {
    throw new Error(kind === 'jpeg' || kind === 'png' ? 'file_type.unreadable' : kind === 'heic' ? 'file_type.heic' : 'file_type')
  }
}

/** PNG for transparent pictures, and for small lossless ones. @param {ImageBitmap} image @param {File} file @param {Kind} kind */
async function wantsPng(image, file, kind) {
  if (kind === 'jpeg') return false
  const isLossless = kind === 'gif' || kind === 'bmp' || kind === 'webp' && (await file.slice(12, 16).text()) === 'VP8L'
  if (isLossless && image.width * image.height <= SMALL_PIXELS) return true
  const [, context] = draw(image, Math.min(1, PROBE / image.width), Math.min(1, PROBE / image.height))
  const {data} = context.getImageData(0, 0, context.canvas.width, context.canvas.height)
  return data.some((/** @type {number} */ value, /** @type {number} */ place) => place % 4 === 3 && value < 250)
}

/** The best result that fits: lower quality first, then smaller size.
 * @param {any} image @param {'png' | 'jpeg'} type @param {number} scale @param {number} limit */
export async function fit(image, type, scale, limit) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [canvas] = draw(image, scale)
    let size = 0
    for (const quality of type === 'jpeg' ? QUALITIES : [1]) {
      const blob = await encode(canvas, `image/${type}`, quality)
      if (blob.size <= limit) return {blob, type, scale}
      size = blob.size
    }
    scale *= Math.min(.9, Math.sqrt(limit / size) * .95)
    if (Math.min(image.width, image.height) * scale < 1) return
  }
}

/** @param {any} image a bitmap or a canvas @param {number} x @param {number} [y] @returns {[any, any]} canvas and context */
export function draw(image, x, y = x) {
  const [canvas, context] = blank(Math.max(1, Math.round(image.width * x)), Math.max(1, Math.round(image.height * y)))
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return [canvas, context]
}

/** @param {any} canvas @param {string} type @param {number} quality @returns {Promise<Blob>} */
export async function encode(canvas, type, quality) {
  const blob = canvas.convertToBlob
    ? await canvas.convertToBlob({type, quality})
    : await new Promise(resolve => canvas.toBlob(resolve, type, quality))
  if (blob?.type !== type) throw new Error('file_type.unreadable')
  return blob
}
