// @ts-check
/** Checks a file as the server will, so that no file counts as ready that would be refused. */
import {isReadable} from './canvas.js'
/** @import {Kind} from './file-kind.js' */

const THUMB = 96 // pixels: the shorter edge of a thumbnail, which is shown at 44
const NO_FRAME = [0xc4, 0xc8, 0xcc] // markers in the range of a JPEG's frame markers that are not frames (ITU-T T.81, table B.1)

/**
 * @param {File} file @param {Kind} kind
 * @returns {Promise<{pixels: number, thumbnail?: Blob, notes: string[]}>} `notes` are keys of words
 * @throws {Error} whose message is an error code, with its variant
 */
export async function examine(file, kind) {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (kind === 'pdf') return {pixels: 0, notes: holds(bytes, '/Encrypt') ? ['protected'] : []}
  const [width, height] = kind === 'png' ? sizeOfPng(bytes) : kind === 'jpeg' ? sizeOfJpeg(bytes) : [1, 1]
  const notes = isAnimated(bytes, kind) ? ['first'] : []
  return {pixels: width * height, thumbnail: await thumbnail(file, width < height, kind), notes}
}

/** Decoded at a small size, because a whole photo takes fifty megabytes. @param {File} file @param {boolean} isTall @param {Kind} kind */
async function thumbnail(file, isTall, kind) {
  try {
    if (!isReadable()) throw new Error('no pixels')
    const image = await createImageBitmap(file, {[isTall ? 'resizeWidth' : 'resizeHeight']: THUMB})
    const canvas = Object.assign(document.createElement('canvas'), {width: image.width, height: image.height})
    canvas.getContext('2d')?.drawImage(image, 0, 0)
    image.close()
    return await new Promise((/** @type {(blob: Blob | undefined) => void} */ done) => canvas.toBlob(blob => done(blob ?? undefined)))
  } catch {
    if (kind === 'jpeg' || kind === 'png') await decodes(file)
  }
}

/** Whether it can be decoded at all. Older browsers cannot resize. @param {File} file */
async function decodes(file) {
  try {
    (await createImageBitmap(file)).close()
  } catch {
    throw new Error('file_type.unreadable')
  }
}

/** @param {Uint8Array} bytes @returns {[number, number]} */
function sizeOfPng(bytes) {
  const view = new DataView(bytes.buffer)
  return bytes.length < 24 ? [0, 0] : [view.getUint32(16), view.getUint32(20)]
}

/** From the first frame's header. @param {Uint8Array} bytes @returns {[number, number]} */
function sizeOfJpeg(bytes) {
  const view = new DataView(bytes.buffer)
  for (let place = 2; place + 9 < bytes.length && bytes[place] === 0xff;) {
    const marker = bytes[place + 1]
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAME.includes(marker)) return [view.getUint16(place + 7), view.getUint16(place + 5)]
    place += marker === 0xff ? 1 : 2 + view.getUint16(place + 2)
  }
  return [0, 0]
}

/** @param {Uint8Array} bytes @param {Kind} kind */
function isAnimated(bytes, kind) {
  if (kind === 'gif') return holds(bytes, '\x21\xf9\x04', 2)
  if (kind === 'webp') return holds(bytes.subarray(0, 64), 'ANIM')
  if (kind === 'png') return holds(bytes.subarray(0, 4096), 'acTL')
  return kind === 'avif' && holds(bytes.subarray(0, 32), 'avis')
}

/** @param {Uint8Array} bytes @param {string} text @param {number} [times] */
function holds(bytes, text, times = 1) {
  const codes = [...text].map(character => character.charCodeAt(0))
  let found = 0
  for (let place = bytes.indexOf(codes[0]); place >= 0; place = bytes.indexOf(codes[0], place + 1)) {
    if (codes.every((code, index) => bytes[place + index] === code) && ++found === times) return true
  }
  return false
}
