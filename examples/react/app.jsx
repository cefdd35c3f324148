import {Feedback} from 'insider-feedback-embed/react'
import {StrictMode, useState} from 'react'
import {createRoot} from 'react-dom/client'

const place = document.querySelector('#app')

function App() {
  const [receipt, setReceipt] = useState('none yet')
  return (
    <>
      <h1>Orders</h1>
      <p>Receipt: <output>{receipt}</output></p>
      <Feedback url={place.dataset.service} product="demo" label="Tell us" onSuccess={({receipt}) => setReceipt(receipt)} />
    </>
  )
}

createRoot(place).render(<StrictMode><App /></StrictMode>)
