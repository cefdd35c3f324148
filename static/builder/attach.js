/** Lets the sample page's own link open the form. */
const page = /** @type {any} */ (window)
page.InsiderFeedback ??= []
page.InsiderFeedback.push((/** @type {any} */ feedback) => feedback.attach('.open-feedback'))
