// @ts-check
/** The geometry of marks, in pixels of the picture. Screen and file are drawn from the same paths, so what people see
 * is what is sent. */

/** @typedef {[x: number, y: number]} Point */
/** @typedef {'box' | 'arrow' | 'pen' | 'text' | 'black' | 'crop'} Kind */
/** @typedef {{id: number, kind: Kind, points: Point[], text?: string}} Mark a box, text, black-out or crop has two opposite corners */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Bounds */

export const INK = '#d92d20'
export const HALO = '#fff'
export const BORDER = 1.9 // strokes: the width of the light line under a mark's own
const HEAD = 5 // strokes: the length of an arrow's head
const SPREAD = .5 // radians between an arrow's shaft and each side of its head

/** The thickness of a stroke that is visible in a picture of this size. @param {number} width @param {number} height */
export const strokeOf = (width, height) => Math.max(2, Math.max(width, height) / 250)

/** @param {number} size */
export const fontOf = size => `600 ${size}px system-ui, sans-serif`

/** @param {Point[]} points @returns {Bounds} */
export function boundsOf(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  return {left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys)}
}

/** @param {Bounds} bounds @returns {Point[]} */
export const cornersOf = ({left, top, right, bottom}) => [[left, top], [right, bottom]]

/** The outline of a mark, as the data of an SVG path. @param {Mark} mark @param {number} stroke its thickness */
export function pathOf({kind, points}, stroke) {
  if (kind === 'arrow') return arrow(points[0], points[1], stroke)
  if (kind === 'pen') return curve(points)
  const {left, top, right, bottom} = boundsOf(points)
  return `M${left} ${top}H${right}V${bottom}H${left}Z`
}

/** @param {Point} from @param {Point} to @param {number} stroke */
function arrow([x, y], [tipX, tipY], stroke) {
  const angle = Math.atan2(tipY - y, tipX - x)
  const sides = [angle - SPREAD, angle + SPREAD].map(side => `${tipX - Math.cos(side) * HEAD * stroke} ${tipY - Math.sin(side) * HEAD * stroke}`)
  return `M${x} ${y}L${tipX} ${tipY}M${sides[0]}L${tipX} ${tipY}L${sides[1]}`
}

/** A smooth line whose handles are the points. @param {Point[]} points */
function curve(points) {
  const [first, ...rest] = points
  const last = rest.at(-1) ?? first
  const bends = rest.slice(0, -1).map(([x, y], place) => `Q${x} ${y} ${(x + rest[place + 1][0]) / 2} ${(y + rest[place + 1][1]) / 2}`)
  return `M${first.join(' ')}${bends.join('')}L${last.join(' ')}`
}

/** The points, moved as far as the picture allows. @param {Point[]} points @param {number} x @param {number} y @param {Bounds} frame @returns {Point[]} */
export function moved(points, x, y, frame) {
  const {left, top, right, bottom} = boundsOf(points)
  const [byX, byY] = [clamp(x, frame.left - left, frame.right - right), clamp(y, frame.top - top, frame.bottom - bottom)]
  return points.map(([x, y]) => [x + byX, y + byY])
}

/** The points, scaled from one box to another. @param {Point[]} points @param {Bounds} from @param {Bounds} to @returns {Point[]} */
export function stretched(points, from, to) {
  const [x, y] = [ratio(from.left, from.right, to.left, to.right), ratio(from.top, from.bottom, to.top, to.bottom)]
  return points.map(([pointX, pointY]) => [to.left + (pointX - from.left) * x, to.top + (pointY - from.top) * y])
}

/** @param {number} from @param {number} to @param {number} newFrom @param {number} newTo */
const ratio = (from, to, newFrom, newTo) => to > from ? (newTo - newFrom) / (to - from) : 1

/** @param {number} value @param {number} least @param {number} most */
export const clamp = (value, least, most) => Math.max(least, Math.min(Math.max(least, most), value))
