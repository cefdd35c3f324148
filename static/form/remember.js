// @ts-check
/** The e-mail address of a person whom no page names, on the devices where they asked for it. One for all forms of the
 * service; loaded where there is one, or one is to be kept. */
import {ADDRESS, forgetAddress, storage} from './kept.js'
import {readAddress} from './plain.js'
/** @import {FeedbackForm} from './feedback-form.js' */

/** Puts the address into an empty field. @param {FeedbackForm} form */
export function restore(form) {
  const {email, remember} = form
  const address = storage('localStorage')?.getItem(ADDRESS)
  if (!address || !remember || form.address || email.readOnly || !form.isOpen || email.value && email.value !== address) return
  email.value = form.remembered = address
  remember.checked = remember.defaultChecked = true
}

/** Keeps what is in the field, or forgets it, as the person says. @param {FeedbackForm} form */
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
