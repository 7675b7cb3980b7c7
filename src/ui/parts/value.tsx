import type { ReactNode } from 'react'
import { memo } from 'react'
import { mixesAlphabets, visible } from '../text/hidden.ts'

export interface ValueProps {
  readonly text: string
  /** UTF-16 units to show; the rest is counted. */
  readonly limit?: number
  /** A name that people decide by: says when it mixes alphabets that look alike. */
  readonly identity?: boolean
}

/**
 * The one way to show text that came with an event: text nodes only, isolated in direction, with marks for what nobody
 * would see. Marks are drawn by the style sheet, so that selecting and copying takes only what was there.
 */
export const Value = memo(function Value({ text, limit = 200, identity = false }: ValueProps): ReactNode {
  const { pieces, cut } = visible(text, limit)
  return (
    <bdi className="value" dir="auto">
      {pieces.map((piece, at) =>
        piece.kind === 'text' ? (
          piece.text
        ) : (
          // A piece has no name but its place, and pieces never move.
          <span key={at} className={piece.quiet ? 'char char-quiet' : 'char'} data-char={piece.label} />
        ),
      )}
      {cut > 0 && '…'}
      {identity && mixesAlphabets(text) && <span className="char" data-char="mixed alphabets" />}
    </bdi>
  )
})
