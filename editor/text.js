// @ts-check
/** The position of a text in the box of its mark. */
import {boundsOf, fontOf} from './shapes.js'
/** @import {Point} from './shapes.js' */

export const TEXT_BORDER = .2 // of a letter: the width of the light line around it
const LETTER = .8 // of a line's height
const EDGE = .3 // of a letter: on each side of a text

/** The middle of the baseline, and the font size. @param {Point[]} points */
export function textPlace(points) {
  const {left, top, right, bottom} = boundsOf(points)
  const size = (bottom - top) * LETTER
  return {x: (left + right) / 2, y: top + size, size}
}

/** The corners of a box as wide as its text. @param {Point[]} points whose top and height stay @param {string} text @returns {Point[]} */
export function textBox(points, text) {
  const {left, top, right, bottom} = boundsOf(points)
  const {size, x} = textPlace(points)
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement('canvas').getContext('2d'))
  context.font = fontOf(size)
  const width = context.measureText(text || ' ').width + 2 * EDGE * size
  const start = right > left ? x - width / 2 : left
  return [[start, top], [start + width, bottom]]
}
