/** `<Feedback url product …>` for React 18 and newer. */
import {createElement, useEffect, useRef} from 'react'
import {follow} from './index.js'

export function Feedback(props) {
  const element = useRef(null)
  const following = useRef(null)
  const latest = useRef(props)

  useEffect(() => {
    following.current = follow(element.current, (type, data) => latest.current[`on${type[0].toUpperCase()}${type.slice(1)}`]?.(data))
    return () => following.current.end()
  }, [])
  useEffect(() => {
    latest.current = props
    following.current.update(Object.fromEntries(Object.entries(props).filter(([key]) => !/^on[A-Z]|^children$/.test(key))))
  })
  return createElement('insider-feedback', {ref: element})
}
