/**
 * The launcher's looks at rest, on one line. Its looks in use come with the panel.
 *
 * Pages set and register custom properties with short names, so there is none of our own here. An `em` is the size that
 * the visitor has chosen, as the page's styles end at `.box`; a `rem` would be the page's.
 */
export const STYLE = `\
.button{display:flex;align-items:center;cursor:pointer;border:1px solid #0000;border-radius:99px;\
background:var(--feedback-accent,light-dark(#2f4e86,#4b6ebd));color:var(--feedback-on-accent,#fff);gap:10px;\
padding:13px 21px;box-shadow:0 0 0 1px light-dark(#fff8,#fff2),0 10px 24px -6px #0004;\
font:600 max(1em,16px)/1.5 var(--feedback-font,system-ui,sans-serif)}\
button::before{border:10px solid;content:"";\
clip-path:path("M7 16.4l-3.7 1.4-1.2-1 1-4a7.9 7.4 0 1 1 3.9 3.6m-2-3.7l-.7 2.9 2.7-1.2a6.1 5.6 0 1 0-2-1.7")}\
:host{z-index:var(--feedback-z-index,2147483000);color-scheme:light dark}\
:host([theme=light]){color-scheme:light}\
:host([theme=dark]){color-scheme:dark}\
.box{all:initial;color-scheme:inherit}\
@media print{.box{display:none}}\
.box>*{inset-block:auto calc(24px + env(safe-area-inset-bottom));inset-inline:auto 28px;position:fixed}\
:host([position^=top]) .box>*{inset-block:calc(24px + env(safe-area-inset-top)) auto}\
:host([mode=inline]:not([hidden])){display:block}\
:host(:not([mode=inline])){visibility:hidden;position:fixed!important}\
:host([position$=start]) .box>*{inset-inline:28px auto}`
