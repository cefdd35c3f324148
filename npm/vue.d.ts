import type {DefineComponent} from 'vue'
import type {FeedbackEvents} from './embed.js'
import type {FeedbackProps} from './index.js'

type Emits = {[Type in keyof FeedbackEvents]: (data: FeedbackEvents[Type]) => void}

export const Feedback: DefineComponent<FeedbackProps, {}, {}, {}, {}, {}, {}, Emits>
