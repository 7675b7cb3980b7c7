import type { ReactNode } from 'react'
import { countText } from '../text/time.ts'

export interface PathPictureProps {
  readonly sides: readonly ('left' | 'right')[]
  readonly leafHash: string
  readonly root: string
}

const WIDTH = 504
const MIDDLE = 28

/** The way from the leaf to the root: a neighbour above the line stands on the left in the tree, below it on the right. */
export function PathPicture({ sides, leafHash, root }: PathPictureProps): ReactNode {
  const left = sides.filter((side) => side === 'left').length
  const step = (WIDTH - 16) / Math.max(1, sides.length)
  const x = (at: number): number => 8 + at * step
  const y = (side: 'left' | 'right'): number => (side === 'left' ? 9 : 47)
  return (
    <figure className="path" aria-label={`${sides.length} neighbouring hashes lead from the leaf to the root`}>
      <svg viewBox={`0 0 ${WIDTH} 56`} aria-hidden="true">
        {sides.map((side, at) => (
          <path key={at} className="path-join" d={`M${x(at)} ${y(side)}L${x(at + 1)} ${MIDDLE}`} />
        ))}
        <path className="path-line" d={`M8 ${MIDDLE}H${WIDTH - 8}`} />
        {sides.map((side, at) => (
          <circle key={at} className="path-neighbour" cx={x(at)} cy={y(side)} r="3.5" />
        ))}
        {sides.slice(1).map((_, at) => (
          <circle key={at} className="path-node" cx={x(at + 1)} cy={MIDDLE} r="2.5" />
        ))}
        <circle className="path-node" cx="8" cy={MIDDLE} r="5.5" />
        <rect className="path-node" x={WIDTH - 14} y={MIDDLE - 6} width="12" height="12" rx="2" />
      </svg>
      <figcaption>
        <span>
          <b>leaf</b> <span className="mono">{leafHash.slice(0, 8)}…</span>
        </span>
        <span className="only-wide num">
          {countText(sides.length)} hashes, {left} from the left, {sides.length - left} from the right
        </span>
        <span>
          <b>root</b> <span className="mono">{root.slice(0, 8)}…</span>
        </span>
      </figcaption>
    </figure>
  )
}
