// @ts-check
/** One request with the form. It uses `XMLHttpRequest`, because `fetch` does not report upload progress. */

const STALLED = 60_000 // milliseconds without progress after which a connection counts as lost

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {any} data
 * @property {number} retryAfter in seconds
 */

/** No answer came. */
export class Lost extends Error {
  /** @param {number} sent bytes @param {boolean} isWhole whether all of it may have arrived @param {number} time milliseconds it took to fail */
  constructor(sent = 0, isWhole = false, time = Infinity) {
    super('no answer')
    this.sent = sent
    this.isWhole = isWhole
    this.time = time
  }
}

/**
 * @param {string} url @param {FormData} body @param {AbortSignal} signal
 * @param {(sent: number, total: number) => void} onProgress in bytes
 * @returns {Promise<Answer>}
 */
export function post(url, body, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const start = performance.now()
    let sent = 0, isWhole = false, isPart = false, timer = 0
    const lose = () => reject(new Lost(sent, isWhole, performance.now() - start))
    const stop = () => request.abort()
    const alive = () => {
      clearTimeout(timer)
      timer = setTimeout(() => { lose(); stop() }, STALLED)
    }
    request.upload.onprogress = ({loaded, total}) => {
      alive()
      sent = loaded
      isWhole = loaded >= total
      isPart = !isWhole
      onProgress(loaded, total)
    }
    request.onload = () => {
      const answer = read(request)
      if (answer) resolve(answer)
      else reject(new Lost(sent, true))
    }
    request.onerror = lose
    request.onabort = () => reject(new Lost(sent, !isPart, performance.now() - start)) // small ones leave before any progress is reported
    request.onloadend = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', stop)
    request.open('POST', url)
    request.setRequestHeader('Accept', 'application/json')
    request.send(body)
    alive()
  })
}

/** An answer of ours, not a page of some gateway. @param {XMLHttpRequest} request @returns {Answer | undefined} */
function read(request) {
  const {status} = request
  try {
    const data = JSON.parse(request.responseText)
    const retryAfter = Number(request.getResponseHeader('Retry-After')) || 0
    if (data.receipt_url || data.errors[0].code) return {status, data, retryAfter}
  } catch {
    // not JSON
  }
}
