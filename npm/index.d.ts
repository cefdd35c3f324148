import type {FeedbackEvents, FeedbackOptions, InsiderFeedbackApi} from './embed.js'

export type * from './embed.js'

export interface LoadOptions extends FeedbackOptions {
  /** The address of the service, with its path if it lies under one. */
  url: string
}

/** Loads embed.js once, makes the button of `product` if one is named, and answers the API. Rejects on a server, with
 * an address that is none, and where the script does not come. An option that there is not, or that cannot have its value, is
 * named on the console and left out. */
export function load(options: LoadOptions): Promise<InsiderFeedbackApi>

/** What the components take. */
export interface FeedbackProps extends LoadOptions {
  product: string
}

/** Called with an event's name and data. */
export type Hear = <Type extends keyof FeedbackEvents>(type: Type, data: FeedbackEvents[Type]) => void

/** Lets an `<insider-feedback>` follow options: what components of other frameworks need. */
export function follow(element: Element, hear: Hear): {update(options: FeedbackProps): void, end(): void}
