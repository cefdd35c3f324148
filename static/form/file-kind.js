// @ts-check
/** Detects a file's type by its first bytes, as the server does, and pictures that a browser may be able to convert.
 * `tests/submissions/test_limits.py` compares both.
 *
 * @typedef {'jpeg' | 'png' | 'pdf' | 'gif' | 'webp' | 'bmp' | 'avif' | 'heic'} Kind
 */

/** @type {[Kind, RegExp][]} */
const KINDS = [
  ['jpeg', /^\xff\xd8\xff/],
  ['png', /^\x89PNG\r\n\x1a\n/],
  ['pdf', /(?:^|[\r\n])(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff|\xc2\xa0|[\0\t-\r ])*%PDF-/],
  ['gif', /^GIF8[79]a/],
  ['webp', /^RIFF.{4}WEBP/s],
  ['bmp', /^BM.{12}[\x0c\x28\x6c\x7c]\0\0\0/s],
  ['avif', /^.{4}ftyp(avif|avis|mif1.{4,24}avif)/s],
  ['heic', /^.{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)/s],
]
const HEAD = 1024 // bytes: a few lines may precede a PDF

/** The media types of the kinds that go along. @type {Record<string, string>} */
export const TYPES = {jpeg: 'image/jpeg', png: 'image/png', pdf: 'application/pdf'}

/** The extensions that fit a kind, and the one that is put on. @type {Record<string, [RegExp, string]>} */
const EXTENSIONS = {
  jpeg: [/\.(jpe?g|jpe|jfif)$/i, '.jpg'],
  png: [/\.png$/i, '.png'],
  pdf: [/\.pdf$/i, '.pdf'],
}

/** Fails if the file is a folder, or was removed since it was chosen. @param {Blob} file */
export async function identify(file) {
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, HEAD).arrayBuffer()))
  return KINDS.find(([, pattern]) => pattern.test(head))?.[0]
}

/** The same content under a name and type that fit it: the server accepts no others. @param {Blob} content @param {string} name @param {string} kind */
export function called(content, name, kind) {
  const type = TYPES[kind]
  const [fits, extension] = EXTENSIONS[kind]
  const fitting = fits.test(name) ? name : `${name.replace(/\.\w{1,5}$/, '')}${extension}`
  const {lastModified} = content instanceof File ? content : {}
  return content instanceof File && content.name === fitting && content.type === type ? content : new File([content], fitting, {type, lastModified})
}
