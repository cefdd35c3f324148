// @ts-check
/** Guesses until the derived key has the required prefix: ALTCHA version 2 with PBKDF2, one counter after the other. */

const HASHES = /** @type {Record<string, string>} */ ({
  'PBKDF2/SHA-256': 'SHA-256', 'PBKDF2/SHA-384': 'SHA-384', 'PBKDF2/SHA-512': 'SHA-512',
})

addEventListener('message', async ({data}) => {
  postMessage({isHere: true})
  try {
    postMessage(await solve(data))
  } catch {
    postMessage(null) // no crypto.subtle here, or an algorithm that it does not have
  }
})

/**
 * @param {{algorithm: string, nonce: string, salt: string, cost: number, keyLength: number, keyPrefix: string}} parameters
 * @returns {Promise<{counter: number, derivedKey: string, time: number}>}
 */
async function solve({algorithm, nonce, salt, cost, keyLength, keyPrefix}) {
  const start = performance.now()
  const how = {name: 'PBKDF2', hash: HASHES[algorithm], salt: bytes(salt), iterations: cost}
  const first = bytes(nonce)
  const password = new Uint8Array(first.length + 4)
  password.set(first)
  const end = new DataView(password.buffer)
  for (let counter = 0; counter < 2 ** 32; counter++) {
    end.setUint32(first.length, counter)
    const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits'])
    const derivedKey = hex(await crypto.subtle.deriveBits(how, key, keyLength * 8))
    if (derivedKey.startsWith(keyPrefix)) return {counter, derivedKey, time: Math.round(performance.now() - start)}
  }
  throw new Error('no counter does it')
}

/** @param {string} text */
function bytes(text) {
  return Uint8Array.from(text.match(/../g) ?? [], pair => parseInt(pair, 16))
}

/** @param {ArrayBuffer} buffer */
function hex(buffer) {
  return Array.from(new Uint8Array(buffer), byte => byte.toString(16).padStart(2, '0')).join('')
}
