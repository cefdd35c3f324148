/** Shows what is new in the sandbox's inbox: asks for its version now and then, and loads the page again when it moved. */

const PAUSE = 1500 // milliseconds
const shown = document.body.dataset.version

async function look() {
  try {
    const answer = await fetch('/_sandbox/version', {cache: 'no-store'})
    const version = String(await answer.json())
    if (version !== shown) return location.reload()
  } catch {
    // The sandbox has been stopped, or is being started again.
  }
  setTimeout(look, PAUSE)
}

setTimeout(look, PAUSE)
