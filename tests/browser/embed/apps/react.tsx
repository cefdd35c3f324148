import {StrictMode} from 'react'
import {createRoot} from 'react-dom/client'
import {FIRST, changeBy, place, written} from './options'

const root = createRoot(place)
const App = (options: object) => <><h2>The app</h2><insider-feedback {...options} /></>
const render = (options = {}) => root.render(<StrictMode><App {...written({...FIRST, ...options})} /></StrictMode>)

render()
changeBy(render)
