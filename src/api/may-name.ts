import { isHidden } from '../query/resolve.ts'
import type { Visibility } from '../query/visibility.ts'

/** Whether a reader may be told all values of a field: names of all there are tell of rows and fields that are hidden. */
export function mayName({ rowFilter, fields }: Visibility, path: string): boolean {
  return rowFilter === undefined && !isHidden(fields, path)
}
