import {createApp, h, reactive} from 'vue'
import {FIRST, changeBy} from './options'

const options = reactive({...FIRST})
createApp(() => [h('h2', 'The app'), h('insider-feedback', {...options})]).mount('#app')
changeBy(more => Object.assign(options, more))
