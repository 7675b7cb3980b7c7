import type { BlockName } from '../domain/sealed.ts'
import type { Parameters } from './where-parameters.ts'

/**
 * What stands at a path in a block's text, as an array of raw JSON values: through lists at any level, a list within a
 * list looked into once, without null, empty texts and lists. The SQL twin of `valuesOf` in query/event-values.ts.
 */
export function rawsAt(block: BlockName, segments: readonly string[], parameters: Parameters): string {
  return segments.reduce(
    (found, segment) => {
      const member = `arrayMap(o -> JSONExtractRaw(o, ${parameters.text(segment)}), ${found})`
      return `arrayFilter(i -> i NOT IN ('', 'null', '""') AND NOT startsWith(i, '['), ${spread(spread(member))})`
    },
    `[${wholeJson(block)}]`,
  )
}

/**
 * A cheap condition that every block with that path fulfils: JSON.stringify wrote the block, so its keys stand in it
 * exactly as they stand here. Saves parsing most blocks.
 */
export function mayHave(block: BlockName, segments: readonly string[], parameters: Parameters): string {
  return segments
    .slice(-2)
    .map((segment) => `position(${block}, ${parameters.text(`${JSON.stringify(segment)}:`)}) > 0`)
    .join(' AND ')
}

/** Of raw JSON values the texts that are compared: objects have none. */
export function textsOf(raws: string): string {
  return `arrayMap(s -> if(startsWith(s, '"'), JSONExtractString(s), s), arrayFilter(v -> NOT startsWith(v, '{'), ${raws}))`
}

/**
 * A block's text as the engine's JSON reader takes it. It refuses two things that JavaScript writes, and an attacker could
 * hide a whole block by them: half characters (escaped lone surrogates) and whole numbers beyond 64 bits.
 */
function wholeJson(block: BlockName): string {
  return `if(isValidJSON(${block}), ${block}, ${wholeNumbers(wellFormed(block))})`
}

/** Escaped lone surrogates as U+FFFD. Escaped backslashes are put out of the way: JSON text never holds a raw 0x01. */
export function wellFormed(text: string): string {
  const aside = String.raw`replaceAll(${text}, '\\\\', '\x01')`
  return String.raw`replaceAll(replaceRegexpAll(${aside}, '\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\xEF\xBF\xBD'), '\x01', '\\\\')`
}

/**
 * Whole numbers beyond 64 bits as texts, which compare alike. Texts and other numbers are matched first and left alone:
 * the empty mark behind them goes away again. JSON text never holds a raw 0x02.
 */
function wholeNumbers(text: string): string {
  const kept = String.raw`"(?:[^"\\\\]|\\\\.)*"|-?[0-9]+[.eE][0-9.eE+-]*`
  const marked = String.raw`replaceRegexpAll(${text}, '(${kept})|(-[0-9]{19,}|[0-9]{20,})', '\\1\x02\\2\x02')`
  return String.raw`replaceAll(replaceAll(${marked}, '\x02\x02', ''), '\x02', '"')`
}

function spread(raws: string): string {
  return `arrayFlatten(arrayMap(x -> if(startsWith(x, '['), JSONExtractArrayRaw(x), [x]), ${raws}))`
}
