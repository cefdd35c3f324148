// @ts-check
/** The e-mail address that a person asked this browser to remember, if no page gives one. One for all forms of the
 * service. Loaded if there is one, or one is to be kept. */
import {ADDRESS, forgetAddress, storage} from './kept.js'
import {readAddress} from './plain.js'
/** @import {FeedbackForm} from './feedback-form.js' */

/** Fills the address into an empty field. @param {FeedbackForm} form */
export function restore(form) {
  const {email, remember} = form
  const address = storage('localStorage')?.getItem(ADDRESS)
  if (!address || !remember || form.address || email.readOnly || !form.isOpen || email.value && email.value !== address) return
  email.value = form.remembered = address
  remember.checked = remember.defaultChecked = true
}

/** Keeps or forgets the address, as the person chose. @param {FeedbackForm} form */
export function keep({email, remember}) {
  const address = remember?.checked && readAddress(email.value)
  try {
    if (address) storage('localStorage')?.setItem(ADDRESS, address)
    else forgetAddress()
  } catch {
    // storage is full
  }
  if (remember) remember.defaultChecked = remember.checked // for the next form of this page
}
