/**
 * The launcher's looks at rest, on one line. Its looks in use come with the panel.
 *
 * Pages set and register custom properties with short names, so there is none of our own here. An `em` is the size that
 * the visitor has chosen, as the page's styles end at `.box`; a `rem` would be the page's.
 */
export const STYLE = `\
:host{z-index:var(--feedback-z-index,2147483000);color-scheme:light dark}\
:host([theme=light]){color-scheme:light}\
:host([theme=dark]){color-scheme:dark}\
:host(:not([mode=inline])){visibility:hidden;position:fixed!important}\
:host([mode=inline]:not([hidden])){display:block;font-size:medium}\
.box{all:initial;color-scheme:inherit}\
.box>*{inset-inline:auto 28px;inset-block:auto calc(24px + env(safe-area-inset-bottom));position:fixed}\
:host([position$=start]) .box>*{inset-inline:28px auto}\
:host([position^=top]) .box>*{inset-block:calc(24px + env(safe-area-inset-top)) auto}\
.button{display:flex;padding:13px 21px;border:1px solid #0000;border-radius:99px;\
box-shadow:0 0 0 1px light-dark(#fff8,#fff2),0 10px 24px -6px #0004;\
font:600 max(1em,16px)/1.5 var(--feedback-font,system-ui,sans-serif);align-items:center;\
background:var(--feedback-accent,light-dark(#2f4e86,#4b6ebd));gap:10px;color:var(--feedback-on-accent,#fff);\
cursor:pointer;text-decoration:none}\
button::before{\
clip-path:path("M7 16.4l-3.7 1.4a.9.9 0 0 1-1.2-1l1-4a7.9 7.4 0 1 1 3.9 3.6m-2-3.7l-.7 2.9 2.7-1.2a6.1 5.6 0 1 0-2-1.7");\
border:10px solid;content:""}\
@media print{.box{display:none}}`
