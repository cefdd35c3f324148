import {LitElement, html} from 'lit'
import {FIRST, changeBy, place} from './options'

class App extends LitElement {
  static properties = {options: {}}
  declare options: typeof FIRST

  constructor() {
    super()
    this.options = FIRST
  }

  render() {
    const {product, mode, position, theme, lang, email, label, zIndex, launcher, context, identity} = this.options
    return html`<h2>The app</h2>
      <insider-feedback .product=${product} .mode=${mode} .position=${position} .theme=${theme} .lang=${lang} .email=${email}
        .label=${label} .zIndex=${zIndex} .launcher=${launcher} .context=${context} .identity=${identity}></insider-feedback>`
  }
}
customElements.define('the-app', App)
const app = new App()
place.append(app)
changeBy(more => {
  app.options = {...app.options, ...more}
})
