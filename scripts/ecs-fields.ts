/**
 * Makes `src/domain/ecs-9.4.json` from ECS's own list: `node scripts/ecs-fields.ts generated/csv/fields.csv`, the file of
 * github.com/elastic/ecs at tag v9.4.0 (Apache-2.0, see NOTICE). The tree's leaves are types, `[]` marks lists. ECS's `*.text` multi-fields are
 * left out: they are a second index of the same value, not a place in an event.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Tree {
  [segment: string]: string | Tree
}

const TYPES = new Map([
  ['keyword', 'keyword'],
  ['wildcard', 'keyword'],
  ['constant_keyword', 'keyword'],
  ['match_only_text', 'text'],
  ['long', 'long'],
  ['integer', 'long'],
  ['float', 'double'],
  ['double', 'double'],
  ['scaled_float', 'double'],
  ['date', 'date'],
  ['boolean', 'boolean'],
  ['ip', 'ip'],
  ['object', 'object'],
  ['flattened', 'object'],
  ['nested', 'object'],
  ['geo_point', 'object'],
])

const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('say which fields.csv to read')

// A record starts with the version and has the name third; descriptions with line breaks only follow the columns we read.
const record = /^(?:"[^"]*"|[^,"]*),(?:true|false),[^,]*,([^,]+),([^,]+),[^,]*,([^,]*),/
const fields = readFileSync(file, 'utf8')
  .split('\n')
  .flatMap((line) => {
    const found = record.exec(line)
    return found ? [{ name: found[1] ?? '', type: found[2] ?? '', list: found[3] === 'array' }] : []
  })

const names = new Set(fields.map((field) => field.name))
const root: Tree = {}
for (const field of fields) {
  if (field.name.endsWith('.text') && names.has(field.name.slice(0, -'.text'.length))) continue
  const type = TYPES.get(field.type)
  if (type === undefined) throw new Error(`${field.name} has type ${field.type}, which we do not know`)
  put(root, field.name.split('.'), type + (field.list ? '[]' : ''))
}
writeFileSync('src/domain/ecs-9.4.json', `${JSON.stringify(root, null, 2)}\n`)
process.stderr.write(`${fields.length} fields read\n`)

/** An object that has fields of its own is a branch: its own type says nothing more. */
function put(tree: Tree, [segment = '', ...rest]: readonly string[], type: string): void {
  const there = tree[segment]
  if (rest.length === 0) {
    if (typeof there !== 'object') tree[segment] = type
    return
  }
  const branch: Tree = typeof there === 'object' ? there : {}
  tree[segment] = branch
  put(branch, rest, type)
}
