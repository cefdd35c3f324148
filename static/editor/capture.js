// @ts-check
/** Takes a screenshot of the page: the browser asks which tab or window, and the widget is hidden meanwhile. */
import {isReadable} from '../form/canvas.js'
/** @import {FeedbackForm} from '../form/feedback-form.js' */

const LAG = 500 // milliseconds: earlier frames may still show the widget
const LONGEST = 4000 // milliseconds in which a frame has to arrive
const NAME = 'screenshot.png'

/** @param {FeedbackForm} form @returns {Promise<File | undefined>} undefined if the person cancelled
 * @throws {Error} if the browser or the system does not allow it */
export async function capture(form) {
  if (!isReadable()) throw new Error('no pixels')
  /** @type {MediaStream} */
  let stream
  try {
    stream = await navigator.mediaDevices.getDisplayMedia(/** @type {any} */ ({
      video: {displaySurface: 'browser', cursor: 'never'}, audio: false, preferCurrentTab: true, selfBrowserSurface: 'include', surfaceSwitching: 'exclude',
    }))
  } catch (error) {
    // "Cancel", and a refusal by the system, both have this name.
    if (error instanceof DOMException && error.name === 'NotAllowedError') return
    throw error
  }
  try {
    return await picture(await withoutWidget(stream, form))
  } finally {
    for (const track of stream.getTracks()) track.stop()
    await form.stage('')
  }
}

/** A video of the page without the widget. A page at rest sends no frames, so something invisible moves
 * meanwhile: here, and in the widget while it is hidden. @param {MediaStream} stream @param {FeedbackForm} form */
async function withoutWidget(stream, form) {
  const video = Object.assign(document.createElement('video'), {srcObject: stream, muted: true, playsInline: true})
  video.play().catch(() => undefined) // it waits for the first frame
  const moving = document.documentElement.animate({opacity: [1, .999]}, {duration: 100, iterations: Infinity, direction: 'alternate'})
  await form.stage('hidden')
  await taken(video, performance.now() + LAG)
  moving.cancel()
  if (video.readyState < video.HAVE_CURRENT_DATA) throw new Error('no picture')
  return video
}

/** @param {HTMLVideoElement} video @param {number} since as of `performance.now` @returns {Promise<void>} */
function taken(video, since) {
  return new Promise(resolve => {
    setTimeout(resolve, LONGEST)
    if (!video.requestVideoFrameCallback) return
    const look = () => performance.now() < since ? video.requestVideoFrameCallback(look) : resolve()
    video.requestVideoFrameCallback(look)
  })
}

/** @param {HTMLVideoElement} video */
async function picture(video) {
  const canvas = Object.assign(document.createElement('canvas'), {width: video.videoWidth, height: video.videoHeight})
  canvas.getContext('2d')?.drawImage(video, 0, 0)
  const blob = await new Promise(resolve => canvas.toBlob(resolve, 'image/png'))
  if (!(blob instanceof Blob)) throw new Error('file_type.unreadable')
  return new File([blob], NAME, {type: blob.type})
}
