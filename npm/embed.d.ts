/** Types for embed.js. Copy this file into your project, or reference it: `/// <reference path="embed.d.ts" />`. */

export type Mode = 'popover' | 'dialog' | 'inline'
export type Theme = 'light' | 'dark' | 'auto'
export type Position = 'bottom-end' | 'bottom-start' | 'top-end' | 'top-start'

/** What `open` and `set` take: the attributes, `context`, and `identity`. `null` takes a value back. */
export interface FeedbackOptions {
  product?: string
  mode?: Mode | null
  position?: Position | null
  /** A language tag, such as `de` or `pt-BR`. Default: the language of the page, then the browser's. */
  lang?: string | null
  theme?: Theme | null
  /** The person's address, if the page knows it. It is handed to the form by message and never put into an address. */
  email?: string | null
  /** The word on the launcher. */
  label?: string | null
  /** Takes the button out of the top layer. */
  zIndex?: number | string | null
  /** `'false'`: no button; open it with `open()` or `attach()`. */
  launcher?: 'true' | 'false' | boolean | null
  /** Anything that can be cloned. It is handed to the form. */
  context?: Record<string, unknown> | null
  /** A token in which the page's server signed who the person is, or a function that fetches a fresh one whenever the form
   * needs it: see docs/identity.md. */
  identity?: string | null | (() => string | null | undefined | Promise<string | null | undefined>)
}

/** Why the form could not be shown. */
export type LoaderErrorCode = 'offline' | 'script_blocked' | 'host_policy' | 'frame_refused' | 'frame_blocked' | 'product_unknown'

export interface FeedbackEvents {
  open: {product: string}
  close: {product: string}
  /** The form is there. `title` is its name in its language. */
  ready: {product: string, title: string, close?: string}
  resize: {product: string, height: number}
  /** The person has begun to write. */
  dirty: {product: string}
  submit: {product: string}
  success: {product: string, receipt: string, status: 'delivered' | 'accepted'}
  /** From the loader (`LoaderErrorCode`), or from the form: the codes of the answers to a submission. */
  error: {
    product: string, code: LoaderErrorCode | (string & {}), retryable: boolean,
    /** Of `identity_invalid`: see docs/identity.md. */
    reason?: string,
  }
}

export interface InsiderFeedbackApi {
  open(options?: FeedbackOptions): void
  close(): void
  toggle(): void
  /** Is a popover or dialog open? */
  readonly isOpen: boolean
  /** Lets an element, or whatever matches a selector now or later, open the form. Answers what undoes it. */
  attach(target: Element | string): () => void
  set(options: FeedbackOptions): void
  /** Answers what removes the callback. */
  on<Type extends keyof FeedbackEvents>(event: Type, callback: (data: FeedbackEvents[Type]) => void): () => void
  /** For a sign-out: forgets `email`, `identity` and `context`, and clears all that the products' forms keep in this
   * browser. Settled once that is done; wait for it before the page goes. */
  reset(): Promise<void>
  /** Takes away what the script tag made, every `attach` and every `on`, and clears what its form keeps in this browser,
   * unless asked to `keep` it: settled once that is done. The script may be loaded again. */
  destroy(options?: {keep?: boolean}): Promise<void>
  /** Calls back with the API: at once. See `InsiderFeedbackQueue`. */
  push(call: (feedback: InsiderFeedbackApi) => void): void
}

/** What `window.InsiderFeedback` may be before embed.js has loaded: `(window.InsiderFeedback ||= []).push(feedback => …)`. */
export type InsiderFeedbackQueue = ((feedback: InsiderFeedbackApi) => void)[]
  // so that `window.InsiderFeedback?.open()` compiles, though a queue has no such method
  & {[Member in Exclude<keyof InsiderFeedbackApi, 'push'>]?: any}

/**
 * `<insider-feedback product="…" mode="inline|popover|dialog">`. Each option is a property that mirrors its attribute: it
 * reads as the attribute's text, and `null` takes it back. `context` and `identity` are properties alone.
 */
export interface InsiderFeedbackElement extends Omit<HTMLElement, 'lang'>, Required<FeedbackOptions> {
  readonly isOpen: boolean
  /** Fetches the form ahead of its opening. */
  load(): Promise<void>
  open(options?: FeedbackOptions): void
  close(): void
  toggle(): void
  set(options: FeedbackOptions): void
  /** Forgets who was there, and clears all that the product's form keeps in this browser. */
  reset(): Promise<void>
}

type FeedbackElementEvents = {
  [Type in keyof FeedbackEvents as `feedback-${Type}`]: CustomEvent<FeedbackEvents[Type]>
}

declare global {
  interface Window {
    InsiderFeedback?: InsiderFeedbackApi | InsiderFeedbackQueue
  }
  interface HTMLElementTagNameMap {
    'insider-feedback': InsiderFeedbackElement
  }
  interface HTMLElementEventMap extends FeedbackElementEvents {}
  interface DocumentEventMap extends FeedbackElementEvents {}
}
