/**
 * Brings a form's page into a state that only its own script makes, by that very script. `?do=` says which.
 *
 * It runs before the form's script, and keeps the cells of the gallery apart: none remembers a draft of another.
 */

const doing = new URL(import.meta.url).searchParams.get('do')
const FOREVER = 20_000 // milliseconds: sooner than the form takes silence for a broken line

const nothing = {getItem: () => null, setItem() {}, removeItem() {}}
Object.defineProperty(window, 'localStorage', {get: () => nothing})
addEventListener('beforeunload', event => event.stopImmediatePropagation(), {capture: true}) // nothing is lost here
if (doing === 'offline') {
  const {fetch} = window
  Object.defineProperty(navigator, 'onLine', {get: () => false})
  window.fetch = (address, options) => options?.method === 'HEAD' ? Promise.reject(new TypeError('offline')) : fetch(address, options)
}
if (doing === 'sending') {
  XMLHttpRequest.prototype.send = function () {
    const tell = () => this.upload.dispatchEvent(new ProgressEvent('progress', {lengthComputable: true, loaded: 1_300_000, total: 3_100_000}))
    setTimeout(tell)
    setInterval(tell, FOREVER)
  }
}

/** A small picture, drawn here. @returns {Promise<File>} */
async function picture() {
  const canvas = new OffscreenCanvas(320, 200)
  const brush = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'))
  for (const [colour, ...place] of /** @type {[string, number, number, number, number][]} */ ([
    ['#f7f5f2', 0, 0, 320, 200], ['#2f4e86', 0, 0, 320, 36], ['#e3ddd3', 24, 64, 180, 16], ['#e3ddd3', 24, 96, 240, 16], ['#f5be55', 24, 140, 96, 32],
  ])) {
    brush.fillStyle = colour
    brush.fillRect(...place)
  }
  return new File([await canvas.convertToBlob()], 'checkout.png', {type: 'image/png'})
}

async function play() {
  await customElements.whenDefined('feedback-form')
  const form = /** @type {any} */ (document.querySelector('feedback-form'))
  const desk = await form.wake()
  if (form.input) {
    const pdf = new File(['%PDF-1.4\n%%EOF'], 'order-1187.pdf', {type: 'application/pdf'})
    const files = [...form.takes('image/png') ? [await picture()] : [], ...form.takes('application/pdf') ? [pdf] : []]
    desk.files.add(files.slice(0, form.maxFiles).map(file => ({file})))
  }
  if (doing === 'editing') await edit()
  else if (doing !== 'filled') await desk.sending.start()
}

/** Opens the editor and adds two marks by its own keys. */
async function edit() {
  const wait = async (/** @type {string} */ selector) => {
    while (!document.querySelector(selector)) await new Promise(done => setTimeout(done, 50))
    return /** @type {HTMLElement} */ (document.querySelector(selector))
  }
  const press = (/** @type {string[]} */ ...keys) => {
    const stage = document.querySelector('.editor-stage')
    for (const key of keys) stage?.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}))
  }
  const choose = async (/** @type {string} */ tool) => (await wait(`.editor [value="${tool}"]`)).click()
  ;(await wait('.feedback-edit')).click()
  await wait('.editor-sheet svg[viewBox]')
  await choose('black')
  press('Enter', ...Array(20).fill('ArrowUp'))
  if (!document.querySelector('.editor [value="arrow"]')) return
  await choose('arrow')
  press('Enter')
}

if (doing) addEventListener('DOMContentLoaded', () => play())
