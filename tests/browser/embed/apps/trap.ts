import {createFocusTrap} from 'focus-trap'

createFocusTrap('#trap').activate()
