// @ts-check
/**
 * The proof of work that a form asks for in a surge, or always where its product wants it: ALTCHA's protocol, version 2.
 *
 * Loaded only by a page with a challenge in it. The work begins in a worker when somebody begins with the form, and is
 * mostly done when Send is pressed; otherwise `sending.js` waits for it with the form locked. Where it cannot be done the
 * form goes without: it is then stored, and an operator looks at it before it is passed on.
 */

/** @typedef {{parameters: Record<string, any>, signature: string}} Challenge */

const PATIENCE = 30_000 // milliseconds that Send waits at most
const ARRIVAL = 4000 // milliseconds in which the worker must start: some browsers do not report a blocked one
const FRESH = 300_000 // milliseconds for which a proof is used; it is valid twice as long, so that a slow upload is in time
const BEGIN = ['pointerdown', 'keydown', 'focusin', 'input', 'submit']

/** @type {HTMLInputElement | null} */
const field = document.querySelector('input[name="proof"][data-challenge]')
const form = field?.form
/** @type {HTMLInputElement | null | undefined} */
const token = form?.querySelector('input[name="token"]')

/** The token for which the work is done or in progress. */
let solved = ''
/** When its challenge was issued, by this machine's clock. */
let handedOut = Date.now()
/** @type {Promise<string> | undefined} */
let working
/** @type {string | undefined} the token that the page's own challenge was made for */
const given = token?.value
let isSending = false

if (form && field && token) {
  for (const type of BEGIN) form.addEventListener(type, () => token.value && prove(token.value), {passive: true, capture: true})
  document.addEventListener('submit', hold, {capture: true})
}

const isFresh = () => Date.now() - handedOut < FRESH

/** The proof for a form token; empty if there is none in time. @param {string} wanted @returns {Promise<string>} */
export function proven(wanted) {
  return Promise.race([prove(wanted), new Promise(done => setTimeout(() => done(''), PATIENCE))])
}

/** Does the work for a token, once while it is fresh. @param {string} wanted @returns {Promise<string>} */
function prove(wanted) {
  if (solved === wanted && working && isFresh()) return working
  solved = wanted
  const work = doWork(wanted).catch(() => {
    if (working === work) working = undefined // it may succeed later
    return ''
  })
  return working = work
}

/** @param {string} wanted @returns {Promise<string>} */
async function doWork(wanted) {
  if (!field) return ''
  field.value = ''
  const challenge = wanted === given && isFresh() ? JSON.parse(field.dataset.challenge ?? '') : await another(wanted)
  const proof = btoa(JSON.stringify({challenge, solution: await solve(challenge)}))
  if (solved === wanted) field.value = proof
  return proof
}

/** A challenge for a token that did not come with the page, or to replace one that is about to expire. @param {string} wanted @returns {Promise<Challenge>} */
async function another(wanted) {
  const address = `${location.pathname.replace(/\/$/, '')}/challenge`
  handedOut = Date.now()
  const answer = await fetch(address, {headers: {'X-Form-Token': wanted, Accept: 'application/json'}})
  if (!answer.ok) throw new Error('no challenge')
  return answer.json()
}

/** @param {Challenge} challenge @returns {Promise<{counter: number, derivedKey: string}>} */
function solve(challenge) {
  const worker = start()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no worker')), ARRIVAL)
    worker.onmessage = ({data}) => {
      clearTimeout(timer)
      if (data?.derivedKey) resolve(data)
      else if (!data) reject(new Error('cannot be solved'))
    }
    worker.onerror = () => reject(new Error('no worker'))
    worker.postMessage(challenge.parameters)
  }).finally(() => worker.terminate())
}

/** The only script address that the page's policy lets this script create. @returns {Worker} */
function start() {
  const address = new URL(field?.dataset.worker ?? '', location.href).href
  const {trustedTypes} = /** @type {any} */ (globalThis)
  const policy = trustedTypes?.createPolicy
    ? policies.made ??= trustedTypes.createPolicy('feedback-proof', {createScriptURL: () => address})
    : undefined
  return new Worker(policy ? policy.createScriptURL('') : address, {type: 'module'})
}

/** A policy can be made once. */
const policies = /** @type {{made?: any}} */ ({})

/** If the rest of the form's script has not loaded, delays Send until the work is done. @param {SubmitEvent} event */
async function hold(event) {
  const {target, submitter} = event
  if (target !== form || !form || !token || isSending || customElements.get('feedback-form')) return
  event.preventDefault()
  await proven(token.value)
  await new Promise(done => setTimeout(done)) // during a submit event, a form cannot be submitted again
  isSending = true
  try {
    form.requestSubmit(submitter)
  } finally {
    isSending = false
  }
}
