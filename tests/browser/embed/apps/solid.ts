import h from 'solid-js/h'
import {createStore} from 'solid-js/store'
import {render} from 'solid-js/web'
import {FIRST, changeBy, place, written} from './options'

const [options, set] = createStore({...FIRST})
const bound = Object.keys(FIRST).map(key => [key, () => options[key]])
render(() => h('div', h('h2', 'The app'), h('insider-feedback', written(Object.fromEntries(bound))))(), place)
changeBy(set)
