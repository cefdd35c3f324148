import {h, render} from 'preact'
import {FIRST, changeBy, place, written} from './options'

const draw = (options = {}) => {
  render(h('div', null, h('h2', null, 'The app'), h('insider-feedback', written({...FIRST, ...options}))), place)
}
draw()
changeBy(draw)
