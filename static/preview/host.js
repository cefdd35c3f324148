/** Opens the form of the sample page by itself, so that the gallery shows it. */
const page = /** @type {any} */ (window)
page.InsiderFeedback ??= []
page.InsiderFeedback.push((/** @type {any} */ feedback) => feedback.open())
