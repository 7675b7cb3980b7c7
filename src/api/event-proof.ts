import { hash } from 'node:crypto'

import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

import { blockHash, blockSalt } from '../../verify/blocks.ts'
import { parseLeaf } from '../../verify/leaf.ts'
import { formatProof } from '../../verify/proof.ts'
import type { ProofAnswer, RootProof } from '../domain/answers.ts'
import { AuditError } from '../domain/errors.ts'
import { BLOCK_NAMES, type BlockName, type SealedEvent } from '../domain/sealed.ts'
import type { Commit } from '../store/reads.ts'
import { closedSignal } from './closed.ts'
import type { ApiDeps } from './deps.ts'
import { idOf, noSuchEvent, positionOf, positionParams } from './event-one.ts'
import { parseParams } from './input.ts'

const proofParams = z.strictObject({ ...positionParams, format: z.enum(['json', 'text']).default('text') })

/** Proof that an event is in the ledger: `tlog-proof@v1`, or JSON with all that a browser needs to check it by itself. */
export function addProofRoute(app: FastifyInstance, deps: ApiDeps): void {
  const commit = commitWith(deps.subjectKeys)

  app.get('/v1/events/:id/proof', { config: { needs: ['EVENT_READ', 'LEDGER_READ'] } }, async (request, reply) => {
    const id = idOf(request)
    const { format, ...position } = parseParams(proofParams, request.query)
    const options = { ...positionOf(position), signal: closedSignal(reply) }
    const sealed = await deps.reads.sealed(id, request.visibility, commit, options)
    if (sealed === undefined) throw noSuchEvent(id)
    const { leaf, log, index, blocks, commitments } = sealed
    const inclusion = await deps.ledger.proof(log, index)
    if (inclusion === undefined) throw notCovered(id)
    const proof = formatProof({ index, path: inclusion.hashes, checkpoint: inclusion.checkpoint })
    if (format === 'text') return reply.type('text/plain; charset=utf-8').send(proof)
    const vkey = deps.ledger.logs().find((each) => each.origin === log)?.vkey ?? ''
    const root = await rootProof(deps, log, index)
    const answer: ProofAnswer = { leaf, log, index, proof, vkey, blocks, commitments, ...(root && { root }) }
    return reply.send(answer)
  })
}

/** The same event up to the root log, in two proofs; undefined until its log's checkpoint stands there. */
async function rootProof({ ledger }: ApiDeps, log: string, index: number): Promise<RootProof | undefined> {
  const found = await ledger.rootProof?.(log, index)
  if (found === undefined) return undefined
  const { entry, note, hashes, rootNote, rootHashes } = found
  const [origin] = rootNote.split('\n', 1)
  return {
    vkey: ledger.logs().find((each) => each.origin === origin)?.vkey ?? '',
    entry,
    event: formatProof({ index, path: hashes, checkpoint: note }),
    proof: formatProof({ index: entry, path: rootHashes, checkpoint: rootNote }),
  }
}

/** Salts and hashes of an event's blocks (docs/ledger.md, Blocks), from its subject keys. */
export function commitWith(subjectKeys: ApiDeps['subjectKeys']): Commit {
  return (event) => {
    const keys = subjectKeys([event.actorKey, event.targetKey])
    const id = parseLeaf(event.leaf).id
    return BLOCK_NAMES.map((name, b) => {
      const json = event.blocks[b]
      if (json === undefined) return { salt: '', commitment: keptHash(event, name) ?? NO_BLOCK }
      const key = keys.get(name === 'target' ? event.targetKey : event.actorKey)
      if (key === undefined) throw new AuditError('damaged', `the subject key of an event in ${event.log} is missing`)
      const salt = blockSalt(sha256, key, Buffer.from(id, 'base64url'), b)
      const commitment = Buffer.from(blockHash(sha256, salt, json)).toString('base64url')
      return { salt: Buffer.from(salt).toString('base64url'), commitment }
    })
  }
}

/** Of an erased block its hash is left. */
function keptHash({ erased = [] }: SealedEvent, block: BlockName): string | undefined {
  return erased.find(({ kept }) => kept[block] !== undefined)?.kept[block]
}

/** 32 zero bytes stand for a block that is not there. */
const NO_BLOCK = Buffer.alloc(32).toString('base64url')

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

function notCovered(id: string): AuditError {
  const hint = 'a checkpoint is signed each second: ask again'
  return new AuditError('conflict', `no checkpoint covers event ${id} yet`, { hint, retryAfterMs: 1000 })
}
