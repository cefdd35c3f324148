/** `<Feedback url product … @success>` for Vue 3. */
import {defineComponent, h, onBeforeUnmount, onMounted, ref, watch} from 'vue'
import {follow} from './index.js'

const PROPS = ['url', 'product', 'mode', 'position', 'lang', 'theme', 'email', 'label', 'zIndex', 'launcher', 'context', 'identity']

export const Feedback = defineComponent({
  name: 'Feedback',
  props: PROPS,
  emits: ['open', 'close', 'ready', 'resize', 'dirty', 'submit', 'success', 'error'],
  setup(props, {emit}) {
    const element = ref()
    let following
    const given = () => Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined))
    onMounted(() => {
      following = follow(element.value, emit)
      following.update(given())
    })
    watch(props, () => following?.update(given()), {flush: 'post'})
    onBeforeUnmount(() => following?.end())
    return () => h('insider-feedback', {ref: element})
  },
})
