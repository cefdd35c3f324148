import '@angular/compiler'
import {CUSTOM_ELEMENTS_SCHEMA, Component, provideZonelessChangeDetection, signal} from '@angular/core'
import {bootstrapApplication} from '@angular/platform-browser'
import {FIRST, changeBy} from './options'

const options = signal(FIRST)
const bound = Object.keys(FIRST).map(key => `[${key}]="options().${key}"`).join(' ')

@Component({
  selector: '#app',
  schemas: [CUSTOM_ELEMENTS_SCHEMA],
  template: `<h2>The app</h2><insider-feedback ${bound}></insider-feedback>`,
})
class App {
  options = options
}
bootstrapApplication(App, {providers: [provideZonelessChangeDetection()]})
changeBy(more => options.set({...options(), ...more}))
