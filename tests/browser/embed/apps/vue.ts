import {createApp, h, reactive} from 'vue'
import {FIRST, changeBy, written} from './options'

const options = reactive({...FIRST})
createApp(() => [h('h2', 'The app'), h('insider-feedback', written(options))]).mount('#app')
changeBy(more => Object.assign(options, more))
