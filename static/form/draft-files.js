// @ts-check
/**
 * The files of drafts, in this browser's IndexedDB, until half an hour after the last change. Loaded only if there are any.
 *
 * Each set of files has a random name that only the owner's draft holds (`kept.js`), so nobody else gets
 * them. While there are any, `feedback:PRODUCT:browser:files` in `localStorage` says so, and a page that opens later
 * removes what has expired.
 */

const MINUTES = 30
const LIMIT = 5000 // milliseconds: a browser whose database has failed may never answer
const DATABASE = 'feedback', FILES = 'files', TIMES = 'times'

/** @typedef {{file: File, note: string}} KeptFile with what was done to it, in words */

/** @param {string} product @param {string} id @param {KeptFile[]} files */
export async function keep(product, id, files) {
  const kept = await Promise.all(files.map(packed))
  localStorage.setItem(mark(product), JSON.stringify({at: Date.now()}))
  await use('readwrite', (contents, times) => {
    contents.put(kept, id)
    times.put({product, at: Date.now()}, id)
  })
}

/** The draft that they belong to has changed. @param {string} product @param {string} id */
export async function touch(product, id) {
  localStorage.setItem(mark(product), JSON.stringify({at: Date.now()}))
  await use('readwrite', (_, times) => times.put({product, at: Date.now()}, id))
}

/** @param {string} id @returns {Promise<KeptFile[]>} none if they have expired */
export async function load(id) {
  const [files, time] = await Promise.all([use('readonly', contents => contents.get(id)), use('readonly', (_, times) => times.get(id))])
  return files && isFresh(time) ? files.map(unpacked) : []
}

/** As bytes: a private window of Safari takes no files into its database, and in Firefox, a request with a file of the
 * database never ends once its set was replaced by another. @param {KeptFile} kept */
async function packed({file, note}) {
  const {name, type, lastModified} = file
  return {file: {bytes: await file.arrayBuffer(), name, type, lastModified}, note}
}

/** @param {Awaited<ReturnType<typeof packed>>} kept @returns {KeptFile} */
function unpacked({file, note}) {
  return {file: new File([file.bytes], file.name, file), note}
}

/** @param {string} product @param {string} id */
export async function drop(product, id) {
  await use('readwrite', (contents, times) => {
    contents.delete(id)
    times.delete(id)
  })
  await sweep(product)
}

/** Removes what has expired, or everything of a product. @param {string} product @param {boolean} [all] */
export async function sweep(product, all = false) {
  const ids = await use('readonly', (_, times) => times.getAllKeys())
  const found = await use('readonly', (_, times) => times.getAll())
  const gone = ids.filter((/** @type {string} */ _, /** @type {number} */ place) => !isFresh(found[place]) || all && found[place].product === product)
  await use('readwrite', (contents, times) => {
    for (const id of gone) {
      contents.delete(id)
      times.delete(id)
    }
  })
  const isLeft = found.some((/** @type {any} */ time, /** @type {number} */ place) => time.product === product && !gone.includes(ids[place]))
  if (!isLeft) localStorage.removeItem(mark(product))
}

/** @param {string} product */
function mark(product) {
  return `feedback:${product}:browser:files`
}

/** @param {{at: number} | undefined} time */
function isFresh(time) {
  return time !== undefined && Math.abs(Date.now() - time.at) < MINUTES * 60_000
}

/** Runs one transaction. Resolves to its result once everything is written. Fails if that takes too long.
 * @param {IDBTransactionMode} mode @param {(contents: IDBObjectStore, times: IDBObjectStore) => IDBRequest | void} act @returns {Promise<any>} */
function use(mode, act) {
  return Promise.race([run(mode, act), new Promise((_, reject) => setTimeout(reject, LIMIT))])
}

/** @type {typeof use} */
async function run(mode, act) {
  const database = await open()
  return new Promise((resolve, reject) => {
    const transaction = database.transaction([FILES, TIMES], mode)
    const request = act(transaction.objectStore(FILES), transaction.objectStore(TIMES))
    transaction.oncomplete = () => resolve(request?.result)
    transaction.onabort = () => reject(transaction.error)
  }).finally(() => database.close())
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => {
      for (const name of [FILES, TIMES]) request.result.createObjectStore(name)
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
