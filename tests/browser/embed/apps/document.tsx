/** A whole document by React: rendered on a server, where it writes its HTML, and hydrated in the browser. */
import {useState} from 'react'
import {hydrateRoot} from 'react-dom/client'
import {renderToString} from 'react-dom/server'

function Page({loader}: {loader: string}) {
  const [count, setCount] = useState(0)
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <title>Orders</title>
        <script src={loader} async data-product="demo" />
      </head>
      <body>
        <h1>Orders</h1>
        <button id="count" onClick={() => setCount(count + 1)}>Count {count}</button>
        <script src="/app.js" defer />
      </body>
    </html>
  )
}

if (typeof document === 'undefined') process.stdout.write('<!doctype html>' + renderToString(<Page loader={process.argv[2]} />))
else {
  const {src} = document.querySelector<HTMLScriptElement>('script[data-product]')!
  const hydrate = () => hydrateRoot(document, <Page loader={src} />, {onRecoverableError: error => console.error(error)})
  const late = new URLSearchParams(location.search).get('late')
  if (late) {
    addEventListener(late, hydrate)
    Object.assign(window, {waits: true})
  } else hydrate()
}
