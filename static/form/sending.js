// @ts-check
/** Sends a form, from the press of Send to the thanks, through lost connections, blockers, limits and old tokens.
 *
 * All attempts of one press have the same token, so none creates a second feedback.
 */
import {copyText} from './clipboard.js'
import {SendingView} from './sending-view.js'
import {Thanks} from './thanks.js'
import {Lost, post} from './upload.js'
/** @import {FormController} from './form-controller.js' */
/** @import {Answer} from './upload.js' */
/** @import {Sent} from './thanks.js' */

const PAUSES = [1000, 3000, 8000] // milliseconds before each further attempt
const AT_ONCE = 2000 // milliseconds: a later failure means that the request was already on its way
const VOUCHING = 10_000 // milliseconds in which the page must provide an identity
const SHORT = 5 // seconds: shorter waits are waited out automatically
const REACH = 5000 // milliseconds: an address that is silent for longer cannot be reached
const RENEWED = ['token_expired', 'token_invalid']
const PASSING = [...RENEWED, 'already_sent', 'too_fast', 'rate_limited', 'unavailable', 'internal', 'malformed', 'media_type', 'identity_invalid']

/** The request fails on this device, before it reaches the network. */
class Blocked extends Error {}

export class Sending {
  #controller
  /** Not once the person has gone: then nothing is seen of it. @type {SendingView | undefined} */
  #view
  #thanks
  /** @type {AbortController | undefined} while it is sent */
  #run
  #mayHaveArrived = false
  #timer = 0
  /** The address that was sent with, for the next form. */
  #address = ''
  /** Whether the next attempt is made without another press of Send. */
  #isDue = false

  /** @param {FormController} controller */
  constructor(controller) {
    this.#controller = controller
    this.#view = new SendingView(controller)
    this.#thanks = new Thanks(controller)
    if (!controller.form.token.value) this.#renew().catch(() => undefined) // the last one belonged to another person
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    addEventListener('beforeunload', event => this.#run && event.preventDefault(), {signal})
    this.#view?.cancel.addEventListener('click', () => this.#run?.abort(), {signal})
    this.#view?.copy.addEventListener('click', () => this.#copy(), {signal})
  }

  /** The person leaves: a request in progress continues unchanged. */
  leave() {
    this.#rest()
    if (this.#run) this.#view?.rest(false)
    this.#thanks.hide()
    this.#view = undefined
  }

  /** The person goes on with the form: it is theirs again until they press Send. */
  touched() {
    if (this.#isDue) this.#rest()
  }

  /** Send was pressed, or a wait is over. */
  async start() {
    if (this.#run || this.#view?.send.hasAttribute('aria-disabled') || !this.#controller.form.isOpen) return
    this.#rest()
    if (!this.#isRight()) return
    const {signal} = this.#run = new AbortController()
    const {form: {resets}, fields: {draft: said}} = this.#controller
    const body = this.#body()
    this.#view?.rest(true)
    try {
      await this.#authorise(body, signal)
      if (!this.#view || !this.#controller.form.tell('submit')) return this.#view?.rest(false)
      await this.#ready(body, signal)
      const answer = await this.#deliver(body, signal)
      if (this.#view) this.#answered(answer, body, {said, resets})
      else this.#arrived(answer, body, {said, resets})
    } catch (error) {
      if (this.#view) this.#failed(error, signal)
    } finally {
      this.#run = undefined
    }
  }

  /** A fresh form. It waits for no network: Send gets a token if there is none by then. @param {{focus: boolean}} how */
  another({focus}) {
    const {form, fields} = this.#controller
    form.token.value = ''
    this.#renew().catch(() => undefined)
    form.email.value = this.#address
    this.#thanks.hide()
    if (focus) (fields.radios[0] ?? fields.area ?? form.email).focus()
  }

  /** Resets to the state before any attempt. */
  #rest() {
    clearInterval(this.#timer)
    this.#isDue = false
    this.#view?.note()
    this.#view?.button(this.#controller.words.say('send'))
  }

  /** Whether everything is valid. Otherwise shows the errors. */
  #isRight() {
    const {fields, files, faults, words, isEmpty} = this.#controller
    const found = [...fields.check(), ...files.check()]
    const isAsked = found.some(({field, code}) => code === 'required' && field !== 'submittedByEmail')
    if (isEmpty && !isAsked) found.unshift({field: '', code: 'empty', message: words.say('error.empty')})
    if (found.length) faults.show(found)
    else faults.clearAll()
    return !found.length
  }

  /** The body, with the token first. The files are added last. */
  #body() {
    const body = new FormData(this.#controller.form.form)
    body.delete('files')
    return body
  }

  /** Gets a token if the last one belonged to another person, and a proof of work if the page asks for one.
   * The form is sent even without them: the service says what is missing. @param {FormData} body @param {AbortSignal} signal */
  async #authorise(body, signal) {
    const {words, form} = this.#controller
    const isAsked = form.form.querySelector('[name=proof]') !== null
    if (body.get('token') && !isAsked) return
    this.#view?.progress(words.say('sending'), '', -1)
    this.#view?.offerCancel(true)
    const token = body.get('token') || await Promise.race([this.#renew().catch(() => ''), aborted(signal)])
    body.set('token', token)
    if (!isAsked || !token) return
    const {proven} = await import('./proof.js').catch(() => ({proven: async () => ''}))
    body.set('proof', await Promise.race([proven(String(token)), aborted(signal)]))
  }

  /** Waits for files that are being prepared. @param {FormData} body @param {AbortSignal} signal */
  async #ready(body, signal) {
    const {draft, files, words} = this.#controller
    if (!files.isSettled) {
      await this.#online(signal)
      this.#view?.progress(words.say('files.preparing'), '', -1)
    }
    this.#view?.offerCancel(true)
    await Promise.race([draft.brought.then(() => files.settled), aborted(signal)])
    if (files.check().length || !files.isSettled) throw new Spoilt()
    for (const file of files.sendable) body.append('files', file, file.name)
  }

  /** Sends until there is an answer. @param {FormData} body @param {AbortSignal} signal @returns {Promise<Answer>} */
  async #deliver(body, signal) {
    let attempt = 0, silent = 0, isRenewed = false, hasWaited = false, isVouched = false
    for (;;) {
      if (await this.#online(signal)) await this.#authorise(body, signal)
      try {
        const answer = await this.#attempt(body, signal, attempt)
        const code = answer.data.errors?.[0]?.code
        if (RENEWED.includes(code) && !isRenewed) {
          body.set('token', await this.#renew())
          await this.#authorise(body, signal)
          isRenewed = true
        } else if (code === 'identity_invalid' && !isVouched && await this.#vouched(answer, body, signal)) {
          isVouched = true
        } else if (code === 'too_fast' && !hasWaited && answer.retryAfter <= SHORT) {
          hasWaited = true
          await pause(answer.retryAfter * 1000, signal)
        } else return answer
      } catch (error) {
        if (!(error instanceof Lost) || signal.aborted) throw error
        if (await this.#isOffline()) continue
        const isSilent = !error.sent && error.time < AT_ONCE && await this.#reaches()
        if (isSilent && ++silent > 1) throw new Blocked()
        if (attempt === PAUSES.length) throw error
        if (!isSilent) this.#view?.progress(this.#controller.words.say('again'), this.#controller.words.say('again.text'))
        this.#view?.offerCancel(true)
        await pause(PAUSES[isSilent ? 0 : attempt++], signal)
      }
    }
  }

  /** @param {FormData} body @param {AbortSignal} signal @param {number} attempt @returns {Promise<Answer>} */
  async #attempt(body, signal, attempt) {
    const {form, words, draft} = this.#controller
    draft.tried(String(body.get('token')))
    if (!attempt) this.#view?.progress(words.say('sending'), '', 0)
    try {
      return await post(form.form.action, body, signal, (sent, total) => {
        this.#view?.bytes(sent, total)
        if (sent < total) return
        this.#view?.offerCancel(false)
        this.#view?.progress(words.say('almost'), words.say('almost.text'), 1)
      })
    } catch (error) {
      if (error instanceof Lost) this.#mayHaveArrived ||= error.isWhole
      throw error
    }
  }

  /** Waits until there is a network. @param {AbortSignal} signal @returns {Promise<boolean>} whether there was none */
  async #online(signal) {
    if (!await Promise.race([this.#isOffline(), aborted(signal)])) return false
    const {words, form} = this.#controller
    this.#view?.progress(words.say('waiting'), '', -1)
    this.#view?.note({kind: 'patience', icon: 'cloud', title: words.say('offline'), text: words.say('offline.text')}) // the last word is what is heard
    this.#view?.offerCancel(true)
    if (this.#view) form.tell('error', {code: 'offline', retryable: true})
    const back = new Promise(resolve => addEventListener('online', resolve, {once: true, signal}))
    await Promise.race([back, aborted(signal)])
    this.#view?.note()
    this.#view?.progress(words.say('sending'), '', 0)
    return true
  }

  /** Whether there is no network. On some systems, the browser says so of a network that it does not know. */
  async #isOffline() {
    return !navigator.onLine && !await this.#reaches()
  }

  /** Whether the form's address answers although sending to it fails. */
  async #reaches() {
    try {
      return (await fetch(this.#controller.form.form.action, {method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(REACH)})).ok
    } catch {
      return false
    }
  }

  /** Asks the page for a new identity, if it can provide one. @param {Answer} answer @param {FormData} body @param {AbortSignal} signal
   * @returns {Promise<boolean>} whether to try again */
  async #vouched({data}, body, signal) {
    const {form} = this.#controller
    if (!form.vouch || !this.#view) return false
    const coming = form.vouch()
    form.tell('error', {code: 'identity_invalid', reason: data.errors[0].reason, retryable: true})
    const identity = await Promise.race([coming, pause(VOUCHING, signal)])
    if (!identity || !this.#view) return false
    body.set('identity', String(identity))
    return true
  }

  /** A fresh token, put into the form; the form's own if a draft or another request has brought it one meanwhile: the next
   * attempt must have the same. @returns {Promise<string>} */
  async #renew() {
    const {form, token: field} = this.#controller.form
    const {origin, pathname} = new URL(form.action)
    const before = field.value
    try {
      const answer = await fetch(`${origin}${pathname}/token`)
      const {token} = await answer.json()
      if (!this.#view) return token
      if (field.value === before) field.value = token
      return field.value
    } catch {
      throw new Lost()
    }
  }

  /** There is an answer, but the person has left, or has come back.
   * @param {Answer} answer @param {FormData} body @param {Sent} sent */
  async #arrived(answer, body, sent) {
    const {form, draft} = this.#controller
    const text = String(body.get('description') ?? '')
    if (answer.status >= 300) return
    draft.forget()
    const {controller} = form
    const isBack = controller?.address === this.#controller.address && controller.draft.isRestored && controller.fields.area?.value === text
    if (isBack && !controller.sending.#run) controller.sending.#answered(answer, body, sent)
    else this.#thanks.remember(answer.data, sent)
  }

  /** @param {Answer} answer @param {FormData} body @param {Sent} sent */
  #answered({status, data, retryAfter}, body, sent) {
    const {form, draft} = this.#controller
    this.#view?.rest(false)
    if (status >= 300) {
      this.#refused(data, retryAfter)
      if (data.receipt_url) this.#thanks.remember({...data, status: 'accepted'}, {resets: sent.resets}) // of an earlier version
      return
    }
    this.#mayHaveArrived = false
    draft.sent()
    this.#thanks.show(data, body.getAll('files').length, () => this.another({focus: true}))
    this.#empty()
    this.#thanks.remember(data, sent)
    form.tell('success', {receipt: data.receipt, status: data.status})
  }

  /** What was sent: a browser that goes back to this page would fill it in again, for whoever sits there. */
  #empty() {
    const {form, fields, files} = this.#controller
    this.#address = form.email.value
    form.form.reset()
    files.clear()
    fields.fill()
  }

  /** @param {any} problem @param {number} retryAfter in seconds */
  #refused({title = '', detail = '', errors, token, receipt_url}, retryAfter) {
    const {form, faults, files, words, draft} = this.#controller
    const [{code = '', reason} = {}] = errors
    form.tell('error', {code, reason, retryable: PASSING.includes(code)})
    const fields = errors.filter((/** @type {any} */ fault) => fault.code === 'empty' || fault.field && form.element(`${fault.field}-error`))
    if (fields.length) return faults.show(fields.map((/** @type {any} */ fault) => files.place(fault)))
    if (code === 'rate_limited') return this.#limited(retryAfter)
    if (code === 'unavailable') return this.#unavailable(retryAfter)
    this.#view?.note({kind: ['too_fast', 'already_sent', ...RENEWED].includes(code) ? 'patience' : 'danger', icon: 'alert', title: title || words.say('lost'), text: detail})
    if (code === 'already_sent') {
      form.token.value = token // the next press sends another submission
      this.#view?.receipt(receipt_url)
    }
    if (code === 'internal') this.#view?.button(words.say('retry'))
    if (code !== 'refused_upstream') return
    draft.tried('') // the old token's submission has ended
    this.#renew().catch(() => undefined)
  }

  /** @param {number} seconds */
  #limited(seconds) {
    const {words} = this.#controller
    const text = (/** @type {number} */ n) => words.say('limited.text', {n})
    this.#view?.note({kind: 'patience', icon: 'clock', title: words.say('error.rate_limited.title'), text: text(seconds)})
    this.#view?.button(words.say('send'), true) // it has the focus: if it counted, too, screen readers would read each second
    this.#countdown(seconds, left => this.#view?.count(text(left)), () => this.#rest())
  }

  /** @param {number} seconds */
  #unavailable(seconds) {
    const {words} = this.#controller
    const text = (/** @type {number} */ n) => words.say('unavailable.text', {n})
    this.#view?.note({kind: 'patience', icon: 'clock', title: words.say('error.unavailable.title'), text: text(seconds)})
    this.#view?.button(words.say('retry.now'))
    this.#isDue = true
    this.#countdown(seconds, left => this.#view?.count(text(left)), () => this.start())
  }

  /** @param {number} seconds @param {(left: number) => void} tick @param {() => void} done */
  #countdown(seconds, tick, done) {
    const end = Date.now() + Math.max(seconds, 1) * 1000
    const beat = () => {
      const left = Math.ceil((end - Date.now()) / 1000)
      if (left > 0) return tick(left)
      clearInterval(this.#timer)
      done()
    }
    clearInterval(this.#timer)
    this.#timer = setInterval(beat, 500)
    beat()
  }

  /** @param {unknown} error @param {AbortSignal} signal */
  #failed(error, signal) {
    const {words, form} = this.#controller
    this.#view?.rest(false)
    this.#view?.note()
    if (signal.aborted) {
      const text = words.say(this.#mayHaveArrived ? 'stopped.late' : 'stopped.text')
      return this.#view?.note({kind: 'quiet', icon: 'cross', title: words.say('stopped'), text})
    }
    if (error instanceof Spoilt) return void this.#isRight()
    const key = error instanceof Blocked ? 'blocked' : 'lost'
    const [title, text] = error instanceof Lost && this.#mayHaveArrived ? ['stopped', 'stopped.late'] : [key, `${key}.text`]
    this.#view?.note({kind: 'danger', icon: 'alert', title: words.say(title), text: words.say(text)})
    this.#view?.button(words.say('retry'))
    if (this.#view) this.#view.copy.hidden = key !== 'blocked' || !this.#controller.fields.said
    form.tell('error', {code: key === 'blocked' ? 'blocked' : 'network', retryable: true})
    if (!(error instanceof Blocked || error instanceof Lost)) throw error
  }

  async #copy() {
    const {words, fields} = this.#controller
    if (!await copyText(fields.said) || !this.#view) return
    this.#view.copy.textContent = words.say('copied')
    this.#controller.say(words.say('copied'))
  }
}

/** A file turned out to be invalid while it was prepared. */
class Spoilt extends Error {}

/** @param {number} time in milliseconds @param {AbortSignal} signal */
function pause(time, signal) {
  return Promise.race([new Promise(resolve => setTimeout(resolve, time)), aborted(signal)])
}

/** Fails once it is aborted. @param {AbortSignal} signal @returns {Promise<never>} */
function aborted(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), {once: true})
  })
}
