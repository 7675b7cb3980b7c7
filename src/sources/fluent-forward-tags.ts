/**
 * Whether a tag is what a pattern says, as fluentd's `match` does: parts between dots, `*` is one part or within a part
 * any letters, `**` is any number of parts, also none.
 */
export function matchesTag(pattern: string, tag: string): boolean {
  const [wanted, parts] = [pattern.split('.'), tag.split('.')]
  return matchAll(
    wanted.length,
    parts.length,
    (n) => wanted[n] === '**',
    (n, at) => matchesPart(wanted[n] ?? '', parts[at] ?? ''),
  )
}

function matchesPart(pattern: string, part: string): boolean {
  return matchAll(
    pattern.length,
    part.length,
    (n) => pattern[n] === '*',
    (n, at) => pattern[n] === part[at],
  )
}

/** Matching with stars by going back to the last star only: at most pattern times text. */
function matchAll(
  wanted: number,
  length: number,
  isStar: (n: number) => boolean,
  fits: (n: number, at: number) => boolean,
): boolean {
  let [n, at, star, taken] = [0, 0, -1, 0]
  while (at < length) {
    if (n < wanted && isStar(n)) [star, taken, n] = [n, at, n + 1]
    else if (n < wanted && fits(n, at)) [n, at] = [n + 1, at + 1]
    else if (star >= 0) [n, taken, at] = [star + 1, taken + 1, taken + 1]
    else return false
  }
  while (n < wanted && isStar(n)) n++
  return n === wanted
}
