import {Feedback} from 'insider-feedback-embed/vue'
import {createApp, h, ref} from 'vue'

const place = document.querySelector('#app')
const receipt = ref('none yet')

createApp(() => [
  h('h1', 'Orders'),
  h('p', ['Receipt: ', h('output', receipt.value)]),
  h(Feedback, {
    url: place.dataset.service, product: 'demo', label: 'Tell us', onSuccess: data => { receipt.value = data.receipt },
  }),
]).mount(place)
