// @ts-check
/** Whether a picture says where it was taken. Encoding it again removes that, and the form says so. */

const GPS = 0x8825 // the tag that points to the position (Exif 2.32, 4.6.3)
const MARKS = ['Exif\0\0', 'eXIf', 'EXIF'] // in JPEG and HEIC, PNG, WebP
const XMP = 'GPSLatitude'

/** @param {Blob} file */
export async function hasLocation(file) {
  const bytes = new Uint8Array(await file.arrayBuffer())
  return find(bytes, XMP, 0) >= 0 || MARKS.some(mark => places(bytes, mark).some(place => hasGps(bytes, place + mark.length)))
}

/** The positions of `mark`, some of which may be coincidence. @param {Uint8Array<ArrayBuffer>} bytes @param {string} mark */
function places(bytes, mark) {
  const found = []
  for (let place = find(bytes, mark, 0); place >= 0; place = find(bytes, mark, place + 1)) found.push(place)
  return found
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {string} mark @param {number} from */
function find(bytes, mark, from) {
  const codes = [...mark].map(character => character.charCodeAt(0))
  for (let place = bytes.indexOf(codes[0], from); place >= 0; place = bytes.indexOf(codes[0], place + 1)) {
    if (codes.every((code, index) => bytes[place + index] === code)) return place
  }
  return -1
}

/** Whether a TIFF directory near `place` contains a location. PNG and WebP put a few bytes before it.
 * @param {Uint8Array<ArrayBuffer>} bytes @param {number} place */
function hasGps(bytes, place) {
  for (const start of [place, place + 4, place + 6, place + 10]) {
    try {
      const tiff = new DataView(bytes.buffer, bytes.byteOffset + start)
      const isLittle = tiff.getUint16(0) === 0x4949
      if (tiff.getUint16(2, isLittle) !== 42) continue
      const position = entry(tiff, tiff.getUint32(4, isLittle), GPS, isLittle)
      if (position !== undefined && entry(tiff, position, 2, isLittle) !== undefined) return true
    } catch {
      // not TIFF, or truncated
    }
  }
  return false
}

/** The value of a tag in a directory. @param {DataView} tiff @param {number} directory @param {number} tag @param {boolean} isLittle */
function entry(tiff, directory, tag, isLittle) {
  for (let index = 0; index < tiff.getUint16(directory, isLittle); index++) {
    const place = directory + 2 + index * 12
    if (tiff.getUint16(place, isLittle) === tag) return tiff.getUint32(place + 8, isLittle)
  }
}
