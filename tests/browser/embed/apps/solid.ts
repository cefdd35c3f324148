import h from 'solid-js/h'
import {createStore} from 'solid-js/store'
import {render} from 'solid-js/web'
import {FIRST, changeBy, place} from './options'

const [options, set] = createStore({...FIRST})
// Solid makes properties of what has dashes, as in z-index.
const bound = Object.keys(FIRST).map(key => [key.replace('I', '-i'), () => options[key]])
render(() => h('div', h('h2', 'The app'), h('insider-feedback', Object.fromEntries(bound)))(), place)
changeBy(set)
