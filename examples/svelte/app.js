import {mount} from 'svelte'
import App from './App.svelte'

const target = document.querySelector('#app')
mount(App, {target, props: {url: target.dataset.service}})
