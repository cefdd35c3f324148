import type {ReactElement} from 'react'
import type {FeedbackEvents} from './embed.js'
import type {FeedbackProps as Options} from './index.js'

type Callbacks = {[Type in keyof FeedbackEvents as `on${Capitalize<Type>}`]?: (data: FeedbackEvents[Type]) => void}

export interface FeedbackProps extends Options, Callbacks {}

export function Feedback(props: FeedbackProps): ReactElement
