import { fromBase64Url, toBase64Url } from './base64.ts'
import type { Block } from './blocks.ts'
import { BLOCKS } from './blocks.ts'
import { isBlock, type ErasureProof, type ErasedBlock } from './erasure.ts'
import { VerifyError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { fieldsOf, isCount, parseJson } from './pack-manifest.ts'

/** A line of `blocks.jsonl`: what a pack shows of one leaf. */
export interface BlocksLine {
  readonly index: number
  /** B of each block in the order of BLOCKS, base64url: those not shown are the proof of the others. */
  readonly commitments: readonly string[]
  readonly blocks: readonly { readonly block: Block; readonly json: string; readonly salt: string }[]
}

/** A line of `erasures.jsonl`: a block that is not shown because it was erased, and the record that says so. */
export interface ErasureLine extends ErasedBlock, ErasureProof {
  /** Where `subject.erased` stands: a leaf of this pack, with its body shown. */
  readonly record: { readonly log: string; readonly index: number }
}

/** Throws VerifyError `malformed`. */
export function parseBlocksLine(text: string): BlocksLine {
  const fields = fieldsOf(parseJson(text), 'it', ['index', 'commitments', 'blocks'])
  const [index, commitments, blocks] = [fields.get('index'), fields.get('commitments'), fields.get('blocks')]
  if (!isCount(index)) throw bad('it names no leaf')
  if (!Array.isArray(commitments) || commitments.length !== BLOCKS.length) throw bad('it has not five block hashes')
  if (!Array.isArray(blocks)) throw bad('its blocks are no list')
  let last = -1
  return {
    index,
    commitments: commitments.map(hashText),
    blocks: blocks.map((each: unknown) => {
      const block = fieldsOf(each, 'a block', ['block', 'json', 'salt'])
      const [name, json] = [block.get('block'), block.get('json')]
      if (typeof name !== 'string' || !isBlock(name) || typeof json !== 'string') throw bad('a block of it is none')
      // In the order of BLOCKS, each once.
      if (BLOCKS.indexOf(name) <= last) throw bad(`block ${name} is out of its place`)
      last = BLOCKS.indexOf(name)
      return { block: name, json, salt: hashText(block.get('salt')) }
    }),
  }
}

export function formatBlocksLine({ index, commitments, blocks }: BlocksLine): string {
  const shown = blocks.map(({ block, json, salt }) => ({ block, json, salt }))
  return `${JSON.stringify({ index, commitments, blocks: shown })}\n`
}

/** Throws VerifyError `malformed`. */
export function parseErasureLine(text: string): ErasureLine {
  const fields = fieldsOf(parseJson(text), 'it', ['log', 'index', 'block', 'record', 'at', 'path'])
  const record = fieldsOf(fields.get('record'), 'its record', ['log', 'index'])
  const [log, index, block] = [fields.get('log'), fields.get('index'), fields.get('block')]
  const [at, path, where, place] = [fields.get('at'), fields.get('path'), record.get('log'), record.get('index')]
  if (typeof log !== 'string' || !isCount(index)) throw bad('it names no leaf')
  if (typeof block !== 'string' || !isBlock(block)) throw bad('its block is none')
  if (typeof where !== 'string' || !isCount(place)) throw bad('its record is no leaf')
  if (!isCount(at) || !Array.isArray(path) || path.length > 63) throw bad('its path is none')
  return { log, index, block, record: { log: where, index: place }, at, path: path.map((each) => hashOf(each)) }
}

/** The line with its line feed, as `parseErasureLine` reads it. */
export function formatErasureLine({ log, index, block, record, at, path }: ErasureLine): string {
  return `${JSON.stringify({ log, index, block, record, at, path: path.map(toBase64Url) })}\n`
}

/** Lines of a member, each of which ends in a line feed. Throws VerifyError `malformed`. */
export function* linesIn(bytes: Uint8Array): Generator<string, void> {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let from = 0
  while (from < bytes.length) {
    const end = bytes.indexOf(10, from)
    if (end < 0) throw bad('the last line has no end')
    yield decoded(utf8, bytes.subarray(from, end))
    from = end + 1
  }
}

/** Throws VerifyError `malformed`. */
export function decoded(utf8: TextDecoder, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new VerifyError('malformed', 'it is no UTF-8', cause)
  }
}

function hashText(value: unknown): string {
  hashOf(value)
  // It was one just now.
  return value as string
}

function hashOf(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw bad('a hash of it is no text')
  const hash = fromBase64Url(value)
  if (hash.length !== HASH_BYTES) throw bad(`a hash of it has ${hash.length} bytes`)
  return hash
}

function bad(why: string): VerifyError {
  return new VerifyError('malformed', why)
}
