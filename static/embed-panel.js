/**
 * The form's place in a host page: its frame, in a popover, a dialog, a sheet on phones, or inline; and this side of the
 * messages with the form. embed.js imports it when somebody is about to use the form. It checks the form's messages; it
 * never sends the text or the e-mail address.
 *
 * @typedef {{
 *   root: ShadowRoot, box: any, place: any, element: HTMLElement, url: string, inline: boolean, isOpen: boolean, person?: boolean, opener?: any, launcher?: any, told: {context?: unknown, identity?: unknown},
 *   language: string, label: string,
 *   close(): void, update(): void, tell(type: string, data?: object): void, get(option: string): string | null
 * }} Host an element's widget, in loader/widget.js
 * @typedef {(parent: ParentNode, name: string, attributes?: object, text?: string) => any} Add
 */

const NAME = 'insider-feedback'
const NO_FRAME = 8000, NO_WORD = 3000 // milliseconds: for the frame to load, and for the form in it to send a message
const TOLD = ['ready', 'resize', 'dirty', 'submit', 'success', 'error']
const SMALL = '(max-width:479.98px),(max-height:559.98px)'
const LOW = '(max-height:759.98px)'
const AROUND = 108, AROUND_DIALOG = 32, OVER_SHEET = 12 // pixels of the window's height that the panel leaves free
const SLACK = 16 // pixels that may be out of view without hiding a field
const small = matchMedia(SMALL), low = matchMedia(LOW)
/** Attributes that are no option of ours and yet no mistake. */
const COMMON = /^(class|dir|hidden|id|part|slot|style|test|title)$|-/
const advice = () => import('./embed-advice.js')
/** @param {string} text */
const warn = text => { advice().then(({say}) => say(text)).catch(() => {}) }
/** Marks, which frameworks write as "false" where they are off. @param {string} name */
const marked = name => `[${name}]:not([${name}=false])`
/** What makes everything from this page, or for a product, a test. @param {string} product */
const mark = product => document.querySelector(`html${marked('data-feedback-test')},script${marked('data-test')}[data-product="${product}"]`)

/**
 * Close, open in a tab, and the note in place of the form: the texts `close`, `frame.open`, `frame.failed` and
 * `frame.failed.text` of the service's own languages; `hant`: Chinese in traditional characters. A test compares.
 * @type {Record<string, string[]>}
 */
const WORDS = {
  en: ['Close', 'Open in a new tab', 'The form could not be opened here', 'Something between this page and the form is blocking it. The form works in its own tab.'],
  ar: ['إغلاق', 'فتح في علامة تبويب جديدة', 'تعذّر فتح النموذج هنا', 'شيء ما بين هذه الصفحة والنموذج يمنعه. يعمل النموذج في علامة تبويب مستقلة.'],
  de: ['Schließen', 'In neuem Tab öffnen', 'Das Formular konnte hier nicht geöffnet werden', 'Etwas zwischen dieser Seite und dem Formular blockiert es. In einem eigenen Tab funktioniert das Formular.'],
  es: ['Cerrar', 'Abrir en una pestaña nueva', 'No se ha podido abrir el formulario aquí', 'Algo entre esta página y el formulario lo está bloqueando. El formulario funciona en su propia pestaña.'],
  fr: ['Fermer', 'Ouvrir dans un nouvel onglet', 'Le formulaire n’a pas pu s’ouvrir ici', 'Quelque chose entre cette page et le formulaire le bloque. Le formulaire fonctionne dans son propre onglet.'],
  he: ['סגירה', 'פתיחה בלשונית חדשה', 'לא ניתן היה לפתוח כאן את הטופס', 'משהו בין הדף הזה לטופס חוסם אותו. הטופס פועל בלשונית נפרדת.'],
  hi: ['बंद करें', 'नए टैब में खोलें', 'फ़ॉर्म यहाँ नहीं खुल सका', 'इस पेज और फ़ॉर्म के बीच कुछ इसे रोक रहा है। यह फ़ॉर्म अपने अलग टैब में चलता है।'],
  id: ['Tutup', 'Buka di tab baru', 'Formulir tidak dapat dibuka di sini', 'Sesuatu di antara halaman ini dan formulir memblokirnya. Formulir dapat dibuka di tab tersendiri.'],
  it: ['Chiudi', 'Apri in una nuova scheda', 'Non è stato possibile aprire qui il modulo', 'Qualcosa tra questa pagina e il modulo lo blocca. Il modulo funziona in una scheda separata.'],
  ja: ['閉じる', '新しいタブで開く', 'ここではフォームを開けませんでした', 'このページとフォームの間で何かがブロックしています。別のタブではフォームをお使いいただけます。'],
  ko: ['닫기', '새 탭에서 열기', '여기서는 양식을 열 수 없었어요', '이 페이지와 양식 사이에서 무언가가 막고 있어요. 양식은 별도의 탭에서 쓸 수 있어요.'],
  nl: ['Sluiten', 'Openen in nieuw tabblad', 'Het formulier kon hier niet worden geopend', 'Iets tussen deze pagina en het formulier blokkeert het. Het formulier werkt in een eigen tabblad.'],
  pl: ['Zamknij', 'Otwórz w nowej karcie', 'Nie udało się tu otworzyć formularza', 'Coś między tą stroną a formularzem go blokuje. Formularz działa w osobnej karcie.'],
  pt: ['Fechar', 'Abrir em uma nova aba', 'Não foi possível abrir o formulário aqui', 'Algo entre esta página e o formulário está bloqueando. O formulário funciona em uma aba própria.'],
  ro: ['Închideți', 'Deschideți într-o filă nouă', 'Formularul nu a putut fi deschis aici', 'Ceva dintre această pagină și formular îl blochează. Formularul funcționează într-o filă separată.'],
  tr: ['Kapat', 'Yeni sekmede aç', 'Form burada açılamadı', 'Bu sayfayla form arasındaki bir şey onu engelliyor. Form kendi sekmesinde çalışır.'],
  uk: ['Закрити', 'Відкрити в новій вкладці', 'Тут не вдалося відкрити форму', 'Щось між цією сторінкою і формою блокує її. Форма працює в окремій вкладці.'],
  zh: ['关闭', '在新标签页中打开', '无法在此处打开表单', '此页面与表单之间有内容拦截了它。表单可以在单独的标签页中使用。'],
  hant: ['關閉', '在新分頁中開啟', '無法在這裡開啟表單', '此頁面與表單之間有東西擋住了它。表單可以在獨立的分頁中使用。'],
}

/**
 * The launcher's texts about a form that was closed while it was sent: `launcher.sending`, `launcher.sent` and
 * `launcher.failed`.
 * @type {Record<string, string[]>}
 */
const FATES = {
  en: ['Sending…', 'Sent', 'Not sent'],
  ar: ['جارٍ الإرسال…', 'تم الإرسال', 'لم يُرسل'],
  de: ['Wird gesendet …', 'Gesendet', 'Nicht gesendet'],
  es: ['Enviando…', 'Enviado', 'No enviado'],
  fr: ['Envoi…', 'Envoyé', 'Non envoyé'],
  he: ['בשליחה…', 'נשלח', 'לא נשלח'],
  hi: ['भेजा जा रहा है…', 'भेज दिया', 'नहीं भेजा गया'],
  id: ['Mengirim…', 'Terkirim', 'Tidak terkirim'],
  it: ['Invio…', 'Inviato', 'Non inviato'],
  ja: ['送信中…', '送信済み', '未送信'],
  ko: ['보내는 중…', '보냈어요', '보내지 못했어요'],
  nl: ['Versturen…', 'Verstuurd', 'Niet verstuurd'],
  pl: ['Wysyłanie…', 'Wysłano', 'Nie wysłano'],
  pt: ['Enviando…', 'Enviado', 'Não enviado'],
  ro: ['Se trimite…', 'Trimis', 'Netrimis'],
  tr: ['Gönderiliyor…', 'Gönderildi', 'Gönderilemedi'],
  uk: ['Надсилання…', 'Надіслано', 'Не надіслано'],
  zh: ['正在发送…', '已发送', '未发送'],
  hant: ['傳送中…', '已送出', '未送出'],
}
const SENDING = 0, SENT = 1, FAILED = 2
const LASTS = 8000 // milliseconds for which the launcher shows "Sent"

const FAULTY = {} // what a function that failed returns: not an identity

/** Codes that old Android still sends. @type {Record<string, string>} */
const WITHDRAWN = {iw: 'he', in: 'id'}

/** Custom properties have names that no page has: a page may set or register any other, for all elements. Chromium makes
 * clipped corners of a frame black, unless it is never quite opaque. */
const STYLE = `
.button{transition:background .12s}
@media (hover:hover){.button:hover{background:var(--feedback-accent-hover,color-mix(in srgb,var(--ifb-accent),light-dark(#000,#7598e7) 12%))}}
.button:active{background:var(--feedback-accent-pressed,color-mix(in srgb,var(--ifb-accent),#000 25%));scale:.985}
:focus-visible{outline:2px solid var(--feedback-focus,light-dark(#3766bd,#b8ccfb));outline-offset:2px}
.launcher:focus-visible{box-shadow:0 0 0 2px var(--ifb-surface)}
*{--ifb-accent:var(--feedback-accent,light-dark(#2f4e86,#4b6ebd));
--ifb-surface:var(--feedback-surface,light-dark(#fff,#1f1d1b));--ifb-text:var(--feedback-text,light-dark(#26221d,#f3efe9));--ifb-radius:var(--feedback-radius,12px)}
.launcher[data-fate='1']::before{clip-path:path("M5.1 9.9L8.3 13 14.9 5.7A.9.9 0 0 1 16.1 6.9L9 14.9A.9.9 0 0 1 7.7 14.9L3.9 11.1A.9.9 0 0 1 5.1 9.9")}
.launcher[data-fate='2']::before{clip-path:path("M10 1.6a8.4 8.4 0 0 1 0 16.8 8.4 8.4 0 0 1 0-16.8M10 3.4a6.6 6.6 0 0 0 0 13.2 6.6 6.6 0 0 0 0-13.2M9.1 6.2a.9.9 0 0 1 1.8 0v4.3a.9.9 0 0 1-1.8 0M10 12.6a.9.9 0 0 1 0 1.8.9.9 0 0 1 0-1.8")}
.launcher[aria-expanded=true]::before,.cross::before{display:block;
clip-path:path("M5.6 4.4l10 10a.9.9 0 0 1-1.2 1.2l-10-10a.9.9 0 0 1 1.2-1.2M14.4 4.4a.9.9 0 0 1 1.2 1.2l-10 10a.9.9 0 0 1-1.2-1.2")}
.panel{box-sizing:border-box;display:flex;flex-direction:column;padding:0;overflow:hidden;color:var(--ifb-text)}
:host([mode=inline]){width:100%}
div.panel{position:relative;font-size:medium}
dialog{width:420px;max-width:calc(100vw - 32px);max-height:calc(100dvh - 40px);
margin:0;border:0;border-radius:calc(var(--ifb-radius)*1.5);background:var(--ifb-surface);
box-shadow:var(--feedback-shadow,0 0 0 1px light-dark(#3c2d1414,#fffaf01a),0 2px 6px light-dark(#3c2d140f,#0006),0 24px 64px -12px light-dark(#3c2d1447,#000b));
visibility:hidden;opacity:0;translate:0 8px;scale:.98;transition:.12s,visibility 0s .12s,overlay .12s allow-discrete}
.launcher{z-index:1}
.launcher~dialog{margin-block:68px;max-height:calc(100dvh - 108px)}
@media ${LOW}{.launcher[aria-expanded=true]{visibility:hidden}.launcher~dialog{margin-block:0;max-height:calc(100dvh - 40px)}}
dialog[open]{visibility:visible;opacity:1;translate:0;scale:1;transition:.18s cubic-bezier(.2,.8,.2,1),visibility 0s}
:host([mode=dialog]) .box>dialog{inset:0;margin:auto;width:480px;height:fit-content;max-height:calc(100dvh - 32px)}
dialog:focus{outline:0}
dialog::backdrop{background:var(--feedback-backdrop,light-dark(#26221d73,#0009))}
iframe{width:100%;height:var(--ifb-height);min-height:0;border:0;color-scheme:inherit}
@supports (contain-intrinsic-width:1px){div.panel iframe{contain:size;contain-intrinsic-width:640px}}
.wait[open]{animation:late .18s .3s backwards}
@keyframes late{0%{opacity:0}}
:is(.wait,.failed) iframe{position:absolute;visibility:hidden}
div:is(.wait,.failed) iframe{position:static;height:150px;margin-bottom:-150px}
.blocks,.note{display:none;gap:20px;padding:28px}
:host([mode=inline]) :is(.blocks,.note){padding:0}
.wait .blocks,.failed .note{display:grid}
.blocks{grid-template-columns:1fr 1fr}
i{grid-column:span 2;height:56px;border-radius:var(--ifb-radius);background:light-dark(#f0ede8,#2f2c29)}
i:nth-child(1){width:70%;height:24px}
i:nth-child(2){width:88%;height:16px}
i:nth-child(3),i:nth-child(4){grid-column:auto;height:100px}
i:nth-child(5){height:132px}
.note{gap:8px;font:400 max(15px,.9375em)/1.45 var(--feedback-font,system-ui,sans-serif)}
.note:is(:lang(ar),:lang(he),:lang(hi),:lang(ja),:lang(ko),:lang(zh)){line-height:1.6}
.note :is(b,p){margin:0;padding-inline-end:40px;font-size:max(18px,1.2em);text-wrap:balance}
.note p{color:var(--feedback-muted,light-dark(#675f56,#b8b0a5));font-size:inherit;padding:0;text-wrap:auto}
.note a{text-decoration:none;justify-content:center;margin-top:12px;border-radius:var(--ifb-radius);box-shadow:none}
.told{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.cross{position:absolute;inset-block-start:16px;inset-inline-end:16px;width:44px;height:44px;padding:12px;border:0;border-radius:var(--ifb-radius);
background:none;color:var(--feedback-muted,light-dark(#675f56,#b8b0a5));cursor:pointer}
@media (hover:hover){.cross:hover{background:var(--feedback-subtle,light-dark(#f7f5f2,#2a2724));color:inherit}}
:host dialog.panel[data-full]{inset:16px;width:auto;height:auto;max-width:none;max-height:none;margin:0}
@media ${SMALL}{
:host dialog.panel.panel{inset:calc(12px + env(safe-area-inset-top)) 0 0;width:auto;height:auto;max-width:none;max-height:none;margin:0;
padding:0 env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left);border-radius:22px 22px 0 0;overflow:visible;translate:0 40px;scale:1;transition-duration:.18s}
:host dialog.panel.panel[open]{translate:0;transition-duration:.26s}
dialog iframe{height:100%;clip-path:inset(0 round 22px 22px 0 0);opacity:.999}}
[data-full] iframe{height:100%}
.box:has([data-full]) .launcher{visibility:hidden}
div.panel[data-full] iframe{height:max(var(--ifb-height),min(80vh,640px))}
[data-hidden] :is(.launcher,dialog){transition:none!important;animation:unseen .1s infinite alternate}
[data-hidden] dialog::backdrop{opacity:0!important;transition:none!important}
@keyframes unseen{0%{opacity:0}to{opacity:.001}}
@media (forced-colors:active){dialog{border:1px solid!important}}
@media (prefers-reduced-motion:reduce){dialog{translate:0!important;scale:1!important;transition-duration:.12s!important}}`

export class Panel {
  #id = Math.random().toString(36).slice(2)
  #gone = new AbortController()
  #timer = 0
  /** Why the frame cannot load, if that is known before the time is up. */
  #reason = ''
  /** @type {any} */
  #frame
  #loaded = false
  /** This end of the channel to the form. @type {MessagePort | undefined} */
  #port
  /** The page's context, as far as it could be cloned. @type {unknown} */
  #context = null
  /** The page's identity: a token, or a function that returns one. @type {any} */
  #source
  /** The function's last result; null: nobody is signed in. @type {string | null | undefined} */
  #identity
  /** How often the identity was asked for or set: an answer to an earlier question does not count. */
  #questions = 0
  /** Whether it was called again since the form was opened or sent. */
  #hasAsked = false
  /** Callers that wait until everything is cleared. @type {(() => void)[]} */
  #resets = []
  /** The state of the last submission, unless the person has seen it: an index of `FATES`. @type {number | undefined} */
  #fate
  #fateTimer = 0
  /** What had the focus when the form was opened. @type {Element | null | undefined} */
  #focused
  /** Whether the form has input. */
  #isDirty = false
  /** The height of the form without input, and whether it was told to be compact. */
  #height = 0
  #isLow = false
  /** The launcher's text while the form is open, from the form. @type {string | undefined} */
  #close

  /** @param {Host} host @param {Add} add adds an element to another @param {(root: ShadowRoot, css: string) => void} dress styles a root */
  constructor(host, add, dress) {
    this.host = host
    this.add = add
    dress(host.root, STYLE)
    this.box = host.place
    this.box.hidden = false
    this.box.setAttribute('part', 'panel')
    this.box.setAttribute('aria-label', host.label)
    const blocks = add(this.box, 'div', {class: 'blocks'})
    for (let block = 0; block < 6; block++) add(blocks, 'i')
    this.box.onclick = (/** @type {any} */ event) => this.#press(event)
    this.box.onclose = () => this.box.open || host.close()
    if (!host.inline) this.told = add(host.box, 'span', {class: 'told', role: 'status'})

    const {signal} = this.#gone
    addEventListener('message', event => this.#hear(event), {signal})
    small.addEventListener('change', () => this.#turn(), {signal})
    addEventListener('resize', () => this.#fit(), {signal})
    addEventListener('online', () => this.load(true), {signal})
    window.addEventListener('keydown', event => this.#key(event), {signal, capture: true})
    for (const type of ['focusin', 'focusout', 'blur']) window.addEventListener(type, event => this.#shield(event), {signal, capture: true})
    document.addEventListener('keydown', event => this.#key(event), {signal})
    document.addEventListener('securitypolicyviolation', event => this.#forbid(event, event.blockedURI), {signal})
    this.#hearEarlier()
    const observer = new MutationObserver(() => host.update()) // people who switch the page's language, or have it translated
    observer.observe(document.documentElement, {attributeFilter: ['lang']})
    signal.addEventListener('abort', () => observer.disconnect())

    this.#review()
    this.#name(host.told.identity)
    if (host.inline) this.#ask()
    this.load()
    if (host.isOpen) this.show()
    if (host.box.querySelector('[part=link]')) queueMicrotask(() => host.element.replaceWith(host.element)) // it stood in for this panel
    queueMicrotask(() => host.update()) // once it has this panel, and so the text for closing
  }

  /** What was to be cleared when the element went is cleared without it, and that it has closed is told in the page. */
  end() {
    const {host} = this
    const detail = {product: this.#product}
    if (host.isOpen) queueMicrotask(() => host.element.isConnected || document.dispatchEvent(new CustomEvent('feedback-close', {detail})))
    clearTimeout(this.#timer)
    clearTimeout(this.#fateTimer)
    this.#gone.abort()
    this.#port?.close()
    this.#questions++
    if (this.#resets.length) sweep(this.#frame.src).then(() => this.#swept())
  }

  get #code() {
    const tag = this.host.language.toLowerCase()
    const code = /^(zh-[^s]*[tkm]|yue)/.test(tag) ? 'hant' : tag.slice(0, 2)
    return code in WITHDRAWN ? WITHDRAWN[code] : code in WORDS ? code : 'en'
  }
  /** The language of our texts here: English where we do not have the page's. */
  get #lang() { return this.#code == 'en' ? 'en' : this.host.language }
  get #product() { return this.host.get('product') ?? '' }
  get words() { return WORDS[this.#code] }
  get close() { return this.#close ?? this.words[0] }
  get #modal() { return this.box.matches(':modal') }

  /** @returns {'wait' | 'ready' | 'failed'} */
  get #state() { return this.box.classList[1] }
  set #state(state) { this.box.className = 'panel ' + state }

  /** Loads the form, unless it is loaded or loading: embed.js starts its frame while this module still loads. @param {boolean} [again] even after a failure that is shown */
  load(again = false) {
    if (this.#frame && !(again && this.#state == 'failed')) return
    const {host, add} = this
    const isTest = host.element.matches(marked('test')) || mark(this.#product)
    const url = addressed(`${host.url}&mode=${host.get('mode') ?? 'popover'}${isTest ? '&test=1' : ''}`).href
    const last = this.box.querySelector('iframe')
    const isEarly = !this.#frame && last.src == url
    const frame = isEarly ? last : add(this.box, 'iframe', {allow: last.allow, src: url})
    for (const other of this.box.querySelectorAll('.note, iframe')) if (other != frame) other.remove()
    frame.setAttribute('part', 'frame')
    frame.title = host.label
    frame.onload = () => this.#meet()
    this.#frame = frame
    this.#state = 'wait'
    this.#reason = ''
    this.#loaded = false
    this.#wait(NO_FRAME)
    if (isEarly && this.box.loaded) this.#meet()
  }

  #meet() {
    this.#loaded = true
    this.#port?.close()
    const [port, other] = channel()
    this.#port = port
    if (port) port.onmessage = ({data}) => this.#take(data)
    this.#post('hello', {}, other)
    this.#wait(this.#reason ? 0 : NO_WORD)
  }

  /** Handles what the page's policy forbids rather than only reports. @param {{effectiveDirective: string, disposition: string}} violation @param {string} address */
  #forbid({effectiveDirective, disposition}, address) {
    if (disposition != 'enforce' || !/frame-src|child-src/.test(effectiveDirective) || !addressed(this.host.url).href.startsWith(address)) return
    this.#reason = 'host_policy'
    if (this.#loaded) this.#wait(0)
  }

  /** Handles what was forbidden before this module loaded, in browsers that keep reports. */
  #hearEarlier() {
    const Observer = /** @type {any} */ (self).ReportingObserver
    if (!Observer) return
    const observer = new Observer((/** @type {any[]} */ reports) => {
      for (const {body} of reports) this.#forbid(body, body.blockedURL)
    }, {types: ['csp-violation'], buffered: true})
    observer.observe()
    this.#gone.signal.addEventListener('abort', () => observer.disconnect())
  }

  /** @param {number} time in milliseconds, until the cause is examined if nothing has loaded */
  #wait(time) {
    clearTimeout(this.#timer)
    if (this.#state == 'wait') this.#timer = setTimeout(() => this.#look(), time)
  }

  async #look() {
    const frame = this.#frame
    const code = await this.#why()
    if (frame != this.#frame || this.#state != 'wait') return // it has loaded meanwhile
    if (code) this.#fail(code)
    else this.#wait(NO_WORD)
  }

  /** Why nothing loaded, by the browser's report or the service's answer; empty if the network is only slow. */
  async #why() {
    if (!navigator.onLine) return 'offline'
    if (this.#reason) return this.#reason
    const {url} = this.host
    try {
      await fetch(url, {mode: 'no-cors', signal: AbortSignal.timeout(NO_WORD)})
      return this.#loaded ? 'frame_refused' : ''
    } catch (error) {
      if (!this.#loaded && /** @type {Error} */ (error).name == 'TimeoutError') return ''
    }
    // A page that says "there is no such product" may not be read from here; a product's theme may.
    const theme = await fetch(url.replace('?', '/theme.css?')).catch(() => undefined)
    return theme?.status == 404 ? 'product_unknown' : 'frame_blocked'
  }

  /** @param {string} code */
  #fail(code) {
    const {host, add} = this
    const [close, open, heading, text] = this.words
    const note = add(this.box, 'div', {class: 'note', part: 'note', role: 'alert', lang: this.#lang})
    add(note, 'b', {}, heading)
    add(note, 'p', {}, text)
    const link = add(note, 'a', {class: 'button', part: 'link', href: host.url, target: '_blank', rel: 'noopener'}, open)
    if (!host.inline) {
      const button = add(note, 'button', {class: 'cross', part: 'close', type: 'button', 'aria-label': close})
      button.onclick = () => host.close()
    }
    this.#state = 'failed'
    this.#swept()
    if (this.#isWaited) link.focus()
    host.tell('error', {code, retryable: code != 'product_unknown'})
    advice().then(({explain}) => explain(code, this.#product)).catch(() => {})
  }

  /** @param {string} type @param {object} [more] @param {MessagePort} [other] the form's end of the channel */
  #post(type, more, other) {
    const {host} = this
    if (type != 'hello' && this.#state != 'ready') return
    const data = ['close', 'reset', 'staged'].includes(type) ? {} : {
      theme: host.get('theme') ?? 'auto', lang: host.language, email: host.get('email'), context: this.#clone(), ...this.#who,
      sheet: !host.inline && small.matches,
      low: this.#isLow = this.#needsLow,
      place: this.#place,
      // Tab does not leave a dialog. From a popover it returns to the opener, except to the launcher, which is beside it.
      trap: this.#modal || host.isOpen && ![host.launcher, document.body, null].includes(host.opener),
      ...more,
    }
    const message = {ns: NAME, v: 1, id: this.#id, type, data}
    this.#frame.contentWindow?.postMessage(message, addressed(host.url).origin, other && [other])
  }

  /** Which of the product's forms in the page it is, if there are several: each has a draft of its own. */
  get #place() {
    const all = [...document.querySelectorAll(NAME)].filter(element => element.getAttribute('product') == this.#product)
    const place = all.indexOf(this.host.element) + 1
    return place && all.length > 1 ? `${place}/${all.length}` : ''
  }

  /** Whether the form has to be compact, so that every field is in view before anybody scrolls. */
  get #needsLow() {
    const room = innerHeight - (small.matches ? OVER_SHEET : this.#modal ? AROUND_DIALOG : AROUND)
    return !this.host.inline && (low.matches || this.#height > room + SLACK)
  }

  #fit() {
    if (this.#needsLow != this.#isLow) this.#post('set')
  }

  #clone() {
    const {context} = this.host.told
    try {
      if (isContext(context)) this.#context = cloned(context)
      else warn("context must be an object, as in {page: 'orders'}. It was ignored.")
    } catch {
      warn('context cannot be handed to the form: it holds what cannot be cloned, such as a function.')
    }
    return this.#context
  }

  /** A form that has no port writes to the window. @param {MessageEvent} event */
  #hear({source, origin, data}) {
    if (source == this.#frame.contentWindow && origin == addressed(this.host.url).origin) this.#take(data)
  }

  /** @param {any} message */
  #take(message) {
    const {host} = this
    if (message?.ns != NAME || message.v != 1 || message.id != this.#id) return
    const {type} = message
    const data = message.data ?? {}
    if (type == 'escape') host.close()
    if (type == 'focusexit') this.#leave(data.direction)
    if (type == 'resize' && data.height > 0) {
      this.box.style.setProperty('--ifb-height', Math.ceil(data.height) + 'px')
      if (!this.#isDirty && !this.#isLow) this.#height = data.height
      this.#fit()
    }
    if (type == 'ready') this.#ready(data)
    if (type == 'reset') this.#swept()
    if (type == 'stage') this.#stage(data.how)
    if (['dirty', 'success', 'reset'].includes(type)) this.#isDirty = type == 'dirty'
    if (type == 'submit') {
      this.#hasAsked = false
      this.#goes(SENDING)
    }
    const isWaited = this.#fate == SENDING && !(type == 'error' && data.code == 'offline')
    if (isWaited && (type == 'success' || type == 'error')) this.#goes(type == 'success' ? SENT : FAILED)
    if (type == 'error' && data.code == 'identity_invalid' && !this.#hasAsked) {
      this.#hasAsked = true
      this.#ask()
    }
    if (TOLD.includes(type)) host.tell(type, data)
  }

  /** Gives the form the whole window, or hides it while the page is captured. @param {unknown} how */
  #stage(how) {
    this.box.toggleAttribute('data-full', how == 'full')
    if (!this.host.inline) this.host.box.toggleAttribute('data-hidden', how == 'hidden')
    requestAnimationFrame(() => requestAnimationFrame(() => this.#post('staged')))
  }

  /** Shows on the launcher what a closed form cannot. @param {number} [fate] undefined: it has been seen */
  #goes(fate) {
    clearTimeout(this.#fateTimer)
    this.#fate = fate != SENDING && this.host.isOpen ? undefined : fate
    if (this.#fate == SENT) this.#fateTimer = setTimeout(() => this.#goes(), LASTS)
    this.#label()
  }

  /** A press on the dialog's backdrop closes a form without input. @param {MouseEvent} event */
  #press({target, clientX: x, clientY: y}) {
    const {left, right, top, bottom} = this.box.getBoundingClientRect()
    const isInside = x >= left && x <= right && y >= top && y <= bottom
    if (target == this.box && this.#modal && !this.#isDirty && !isInside) this.host.close()
  }

  /** @param {{title?: unknown, close?: unknown}} data in the language of the form */
  #ready({title, close}) {
    clearTimeout(this.#timer)
    this.#state = 'ready'
    if (typeof title == 'string') this.#frame.title = this.box.ariaLabel = title
    if (typeof close == 'string') this.#close = close
    this.host.update()
    if (this.#resets.length) this.#post('reset')
    if (this.host.isOpen) this.#focus()
  }

  /** Clears the form and everything that it stores. @returns {Promise<void>} */
  reset() {
    this.#goes()
    return new Promise(done => {
      this.#resets.push(done)
      setTimeout(done, NO_FRAME) // a page that waits for this must not wait for ever
      if (this.#state == 'failed') this.#swept()
      else this.#post('reset')
    })
  }

  #swept() {
    for (const done of this.#resets.splice(0)) done()
  }

  /** Tab left the form. @param {unknown} direction */
  #leave(direction) {
    if (this.#modal) this.#post('set', {focus: direction == 'backward' ? 'last' : 'first', visible: true})
    else if (this.host.opener != this.host.launcher) this.host.opener?.focus()
  }

  /** Moves the focus into the form if a person opened it. */
  #focus() {
    const {host} = this
    if (this.#state != 'ready' || !this.#isWaited) return
    host.person = false
    const visible = host.opener?.matches(':focus-visible')
    this.#frame.focus()
    this.#post('set', {focus: 'first', visible})
  }

  /** Whether the person who opened the form still waits for it, and has not moved on in the page. */
  get #isWaited() {
    const {host} = this
    const now = focused()
    return host.isOpen && host.person && (now == this.#focused || now == document.body || host.root.contains(now))
  }

  /** Reopens as a sheet, or no longer as one. */
  #turn() {
    if (this.host.isOpen) {
      this.box.close()
      this.show()
    }
    this.update()
  }

  /** Updates the launcher's text and icon. The state of sending is also announced. */
  #label() {
    const {launcher, isOpen, label} = this.host
    const fate = isOpen || this.#fate == undefined ? '' : FATES[this.#code][this.#fate]
    if (this.told && this.told.textContent != fate) Object.assign(this.told, {textContent: fate, lang: this.#lang})
    launcher?.setAttribute('aria-expanded', isOpen)
    launcher?.setAttribute('data-fate', this.#fate ?? '')
    if (launcher) launcher.lastChild.textContent = isOpen ? this.close : fate || label
  }

  /** Whether something may be wrong: no product, an end tag or a place of its own, or an attribute whose value or name is none. Only then the messages are loaded. */
  get #isOdd() {
    const {element} = this.host
    const names = /** @type {any} */ (element.constructor).observedAttributes
    const key = (/** @type {string} */ name) => name == 'z-index' ? 'zIndex' : name
    return !this.#product || element.firstElementChild || this.host.inline && element.slot || [...element.attributes].some(({name, value}) => names.includes(name) ? value && !this.host.get(key(name)) : !COMMON.test(name))
  }

  /** Has the attributes of the script tag read where one of them is none of ours: it may be misspelled. */
  #review() {
    const {element} = this.host
    const ours = /** @type {any} */ (element.constructor).observedAttributes
    const tag = [...document.scripts].find(({src, dataset}) => /\/embed\.js/.test(src) && dataset.product == this.#product)
    const isStrange = (/** @type {string} */ name) => name.startsWith('data-') && !['debug', 'test', ...ours].includes(name.slice(5))
    if (tag && element.slot == NAME && tag.getAttributeNames().some(isStrange)) advice().then(({review}) => review(tag, 'data-')).catch(() => {})
  }

  update() {
    this.#label()
    if (this.#isOdd) advice().then(({review}) => review(this.host.element)).catch(() => {})
    const {identity} = this.host.told
    if (identity != this.#source) {
      this.#name(identity)
      if (this.host.isOpen || this.host.inline) this.#ask()
    }
    this.#post('set')
  }

  /** Takes the page's identity. Components pass a new function with each rendering: until it says who is there, that is
   * the person of the last one, who may be writing. @param {unknown} source */
  #name(source) {
    this.#questions++
    if (typeof source != 'function') this.#identity = undefined
    this.#source = source
    if (!isIdentity(source) && typeof source != 'function') warn('identity is neither a token nor a function that returns one, so it was ignored.')
  }

  /** The present identity. */
  get #who() {
    const asks = typeof this.#source == 'function'
    const identity = asks ? this.#identity : this.#source
    return {identity: isIdentity(identity) && identity || null, renews: asks && this.#identity !== null}
  }

  /** Calls the page's function for a token. A form that opens gets a fresh one. */
  async #ask() {
    const source = this.#source
    if (typeof source != 'function') return
    const question = ++this.#questions
    const former = this.#hasAsked ? null : this.#identity ?? null // which was refused, or stays where there is no network
    const identity = /** @type {any} */ (await Promise.resolve().then(source).catch(() => FAULTY))
    if (question != this.#questions) return // the person may be another one by now
    this.#identity = identity == FAULTY ? former : isIdentity(identity) && identity || null
    if (!isIdentity(identity)) this.host.tell('error', {code: 'identity_invalid', reason: 'unavailable', retryable: true})
    this.#post('set')
  }

  /** Opens it, or brings it in front of a dialog that the host has opened meanwhile. */
  show() {
    if (!this.box.open) {
      this.#focused = focused()
      this.#hasAsked = false
      this.#ask()
    }
    if (this.#fate != SENDING) this.#goes()
    const {host} = this
    const modal = host.get('mode') == 'dialog' || small.matches || this.#isBehind()
    this.load(true)
    if (!this.box.open) this.#raise()
    if (this.box.open && modal && !this.#modal) this.box.close()
    if (!this.box.open && modal) this.box.showModal()
    else this.box.open = true // not show(), which would take the focus even when no person asked
    if (!this.box.getClientRects().length) warn('The form is open, but the page hides its <insider-feedback>. To hide only the button, write launcher="false".')
    this.update()
    this.#focus()
  }

  /** Comes above what the host has brought into the top layer meanwhile: a popover, or an element in full screen. */
  #raise() {
    const {host, host: {box}} = this
    if (host.get('zIndex') || !box.showPopover) return
    box.hidePopover()
    box.showPopover()
  }

  /** Whether a modal dialog of the host, perhaps in a shadow root, or an element in full screen makes everything outside it inert. */
  #isBehind() {
    const {element, opener} = this.host
    const isOther = (/** @type {any} */ node) => node?.matches?.('dialog:modal, :fullscreen') && !node.contains(element)
    if ([document.fullscreenElement, ...document.querySelectorAll('dialog:modal')].some(isOther)) return true
    for (let node of [opener, focused()]) for (; node; node = node.parentNode ?? node.host) if (isOther(node)) return true
    return false
  }

  /**
   * Hides from a focus trap of the host that the focus enters the form: it would take it back. A click into the form's
   * frame does not say where the focus goes, but the pointer is there. That the window has lost the focus is no secret.
   *
   * @param {any} event
   */
  #shield(event) {
    const {element, isOpen} = this.host
    const isEntered = event.type == 'focusin' ? event.composedPath().includes(element)
      : event.relatedTarget ? event.relatedTarget == element : this.#frame.matches(':hover')
    if (isOpen && isEntered && event.target != window) event.stopImmediatePropagation()
  }

  /**
   * Escape: at once if it is pressed in the widget, before a dialog of the host handles it; elsewhere if the
   * host did not handle it. An Escape that ends the composition of a character does not count.
   *
   * @param {KeyboardEvent} event
   */
  #key(event) {
    const {host} = this
    const inside = event.composedPath().includes(host.box)
    if (!host.isOpen || event.key != 'Escape' || event.isComposing || event.keyCode == 229) return
    if (event.currentTarget == window ? !inside : event.defaultPrevented || !this.#modal && this.#isBehind()) return
    event.preventDefault()
    event.stopImmediatePropagation()
    host.close()
  }

  hide() {
    const {host} = this
    const inside = this.box.contains(host.root.activeElement)
    this.box.close()
    this.update()
    if (inside) (host.opener?.isConnected ? host.opener : host.launcher)?.focus()
    this.#post('close')
  }
}

/**
 * Both ends of a channel to a form. Window messages would reach the page's own listeners, which may stop them, fail at
 * them, or take them for another's. None where the page has taken the name for its own.
 *
 * @returns {MessagePort[]}
 */
function channel() {
  try {
    const {port1, port2} = new MessageChannel()
    return [port1, port2]
  } catch {
    return []
  }
}

/** An address in its parts. `URL` is a name that pages take for their own. @param {string} url */
function addressed(url) {
  return Object.assign(document.createElement('a'), {href: url})
}

/** Whether it is a token, or says that there is none: a function may well return `signedIn && token`. @param {unknown} identity */
function isIdentity(identity) {
  return !identity || typeof identity == 'string'
}

/** @param {any} context */
function isContext(context) {
  return (context ?? '') === '' || typeof context == 'object' && !Array.isArray(context)
}

/** The focused element, found through shadow roots. */
function focused() {
  let element = document.activeElement
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element
}

/**
 * A copy of the page's context. Frameworks wrap objects in order to see changes; their content can be copied.
 *
 * @param {any} context
 */
function cloned(context) {
  try {
    return structuredClone(context ?? null)
  } catch {
    return JSON.parse(JSON.stringify(context, (_, value) => typeof value == 'function' ? structuredClone(value) : value))
  }
}

/** Forgets the person, in an element and in what its product's form stores. @param {any} host */
export async function reset(host) {
  host.set({email: null, identity: null, context: null})
  await (host.panel?.reset() ?? sweep(host.url))
}

/** Clears what a product's form stores when no form is open, with a hidden form. @param {string} url @returns {Promise<void>} */
function sweep(url) {
  const id = Math.random().toString(36).slice(2)
  const [port, other] = channel()
  const frame = document.createElement('iframe')
  frame.style.setProperty('display', 'none', 'important') // pages have styles for all frames
  frame.src = url
  frame.onload = () => {
    const [hello, reset] = ['hello', 'reset'].map(type => ({ns: NAME, v: 1, id, type, data: {}}))
    const {origin} = addressed(url)
    frame.contentWindow?.postMessage(hello, origin, other && [other])
    frame.contentWindow?.postMessage(reset, origin)
  }
  return new Promise(done => {
    const gone = new AbortController()
    const end = () => {
      gone.abort()
      port?.close()
      frame.remove()
      done()
    }
    const take = (/** @type {any} */ message) => {
      if (message?.id == id && message.type == 'reset') end()
    }
    if (port) port.onmessage = ({data}) => take(data)
    addEventListener('message', ({source, data}) => source == frame.contentWindow && take(data), gone)
    setTimeout(end, NO_FRAME)
    document.body.append(frame)
  })
}
