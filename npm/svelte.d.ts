import type {FeedbackProps} from './index.js'

/** A Svelte action. Events reach the element itself: `on:feedback-success`. */
export function feedback(element: HTMLElement, options: FeedbackProps): {update(options: FeedbackProps): void, destroy(): void}
