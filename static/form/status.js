// @ts-check
/** The status of a submission, as its receipt gives it: requested until it is final, less and less often, and only while
 * the page is visible. */

/** @typedef {{status: 'accepted' | 'delivered' | 'refused' | 'expired', feedback_id: number | null, attachments: {name: string, status: string}[], discarded?: boolean}} SubmissionStatus */

const FIRST = 2000, SLOWEST = 60_000 // milliseconds
const SLOWER = 1.5

/** @param {string} url the receipt's address @returns {Promise<SubmissionStatus | undefined>} undefined if it is not known now */
export async function statusOf(url) {
  try {
    const answer = await fetch(url, {headers: {Accept: 'application/json'}, cache: 'no-store'})
    return answer.ok ? await answer.json() : undefined
  } catch {
    return undefined
  }
}

/** @param {string} url @param {AbortSignal} [signal] @returns {Promise<SubmissionStatus>} once it is final */
export async function settled(url, signal) {
  for (let wait = FIRST; ; wait = Math.min(wait * SLOWER, SLOWEST)) {
    await pause(wait, signal)
    await seen(signal)
    const found = await statusOf(url)
    signal?.throwIfAborted()
    if (found && found.status !== 'accepted') return found
  }
}

/** @param {number} time in milliseconds @param {AbortSignal} [signal] */
function pause(time, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, time)
    signal?.addEventListener('abort', () => reject(signal.reason), {once: true})
  })
}

/** Once the page can be seen. @param {AbortSignal} [signal] */
async function seen(signal) {
  while (document.hidden) {
    await new Promise((resolve, reject) => {
      document.addEventListener('visibilitychange', resolve, {once: true, signal})
      signal?.addEventListener('abort', () => reject(signal.reason), {once: true})
    })
  }
}
