import * as Dialog from '@radix-ui/react-dialog'
import {createRoot} from 'react-dom/client'

createRoot(document.querySelector('#app')!).render(
  <Dialog.Root defaultOpen>
    <Dialog.Portal>
      <Dialog.Overlay style={{position: 'fixed', inset: 0, background: '#0006'}} />
      <Dialog.Content aria-describedby={undefined} style={{position: 'fixed', inset: '60px auto auto 60px', background: 'white'}}>
        <Dialog.Title>An order</Dialog.Title>
        <input aria-label="Number" />
      </Dialog.Content>
    </Dialog.Portal>
  </Dialog.Root>,
)
