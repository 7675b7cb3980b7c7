import { type PackReport, type PackedEvent, verifyPack } from '../pack.ts'
import { CHECK_NAMES, countText, plural } from '../report.ts'
import { browserCrypto } from './crypto.ts'

// One page, no network: a pack and a policy come from files, and all that a pack says goes into the page as text.

const WORDS = { yes: '✓ yes', no: '✕ no', open: '– cannot tell' } as const
const PAGE = 200

const [pack, policy] = [input('pack'), input('policy')]
const drop = element('drop')
let chosen: Blob | undefined

pack.addEventListener('change', () => take(pack.files?.[0]))
policy.addEventListener('change', () => void check())
drop.addEventListener('dragover', (event) => {
  event.preventDefault()
  drop.classList.add('over')
})
drop.addEventListener('dragleave', () => drop.classList.remove('over'))
// A file that misses the place must not be opened in the page's stead.
addEventListener('dragover', (event) => event.preventDefault())
addEventListener('drop', (event) => {
  event.preventDefault()
  drop.classList.remove('over')
  take(event.dataTransfer?.files[0])
})

function take(file: Blob | undefined): void {
  chosen = file
  void check()
}

async function check(): Promise<void> {
  if (chosen === undefined) return
  show('Checking…', '')
  element('result').hidden = true
  element('shown').hidden = true
  // Painted before the work begins, which does not stop for it.
  await new Promise((resolve) => setTimeout(resolve, 50))
  try {
    const bytes = new Uint8Array(await chosen.arrayBuffer())
    const own = policy.files?.[0]
    const crypto = await browserCrypto()
    report(await verifyPack(bytes, { ...crypto, ...(own !== undefined && { policy: await own.text() }) }))
  } catch (error) {
    show(`This pack could not be checked: ${error instanceof Error ? error.message : String(error)}`, 'not verified')
  }
}

function report(made: PackReport): void {
  element('about').textContent = made.about
  const warning = made.trusted === 'your policy' ? '' : ' Compare it with one that you had another way.'
  element('trusted').textContent = `Believed: ${made.trusted}.${warning}`
  element('lines').replaceChildren(
    ...made.lines.map(({ check: name, verdict, log, text }) => {
      const said = cell(text)
      if (log !== undefined) said.prepend(small(log))
      const mark = cell(WORDS[verdict])
      mark.className = verdict
      const line = row(mark, cell(CHECK_NAMES[name]), said)
      line.dataset['line'] = JSON.stringify({ check: name, verdict, log, text })
      return line
    }),
  )
  element('result').hidden = false
  listEvents(made.events)
  show(made.summary, made.verdict)
}

/** Of the pack that was checked last. */
let listed: readonly PackedEvent[] = []
let shown = 0
element('more').addEventListener('click', listMore)

function listEvents(events: readonly PackedEvent[]): void {
  listed = events
  shown = 0
  element('events').replaceChildren()
  listMore()
  element('shown').hidden = events.length === 0
}

function listMore(): void {
  element('events').append(...listed.slice(shown, shown + PAGE).map(eventRow))
  shown = Math.min(listed.length, shown + PAGE)
  element('count').textContent = `${countText(shown)} of ${plural(listed.length, 'event')}`
  element('more').hidden = shown === listed.length
}

function eventRow({ log, index, leaf, blocks }: PackedEvent): HTMLElement {
  const text = document.createElement('pre')
  text.textContent = blocks.map(({ json }) => json).join('\n')
  const disclosed = document.createElement('td')
  disclosed.append(text)
  const place = cell(countText(index))
  place.prepend(small(log))
  return row(cell(leaf.t), cell(leaf.s), cell(leaf.y), cell(leaf.o), place, disclosed)
}

function show(text: string, verdict: string): void {
  const status = element('status')
  status.textContent = text
  status.dataset['verdict'] = verdict
}

function row(...cells: readonly HTMLElement[]): HTMLElement {
  const made = document.createElement('tr')
  made.append(...cells)
  return made
}

function cell(text: string): HTMLElement {
  const made = document.createElement('td')
  made.textContent = text
  return made
}

function small(text: string): HTMLElement {
  const made = document.createElement('span')
  made.className = 'log'
  made.textContent = text
  return made
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page lacks ${id}`)
  return found
}

function input(id: string): HTMLInputElement {
  const found = element(id)
  if (found instanceof HTMLInputElement) return found
  throw new TypeError(`${id} is no input`)
}
