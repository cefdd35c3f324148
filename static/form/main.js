// @ts-check
/** Where the form's script begins. */
import {FeedbackForm} from './feedback-form.js'
import {talkToHost} from './host.js'

FeedbackForm.define()
const form = document.querySelector('feedback-form')
if (form instanceof FeedbackForm) talkToHost(form)
