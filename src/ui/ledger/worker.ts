import { verifyPack } from '../../../verify/pack.ts'
import type { PackReport } from '../../../verify/pack.ts'
import { browserCrypto } from '../../../verify/html/crypto.ts'
import type { ProofAnswer } from '../../domain/answers.ts'
import { AuditError } from '../../domain/errors.ts'
import { request, requestJson } from '../data/request.ts'
import type { QuickReport, QuickWish } from './quick-check.ts'
import { quickCheck } from './quick-check.ts'

// Checks beside the page, which stays quick meanwhile and ends them by ending the worker.

export type Asked =
  | { readonly kind: 'quick'; readonly wish: QuickWish }
  | { readonly kind: 'pack'; readonly file: Blob; readonly policy?: Blob }

export type Told =
  | { readonly kind: 'progress'; readonly done: number; readonly of: number }
  | { readonly kind: 'quick'; readonly report: QuickReport; readonly by: 'browser' | 'page' }
  | { readonly kind: 'pack'; readonly report: PackReport; readonly by: 'browser' | 'page' }
  | { readonly kind: 'failed'; readonly reason: string }

addEventListener('message', ({ data }: MessageEvent<Asked>) => {
  work(data).then(tell, (error: unknown) => tell({ kind: 'failed', reason: reasonOf(error) }))
})

async function work(asked: Asked): Promise<Told> {
  const crypto = await browserCrypto()
  if (asked.kind === 'quick') {
    const report = await quickCheck(crypto, asked.wish, READS, (done, of) => tell({ kind: 'progress', done, of }))
    return { kind: 'quick', report, by: crypto.by }
  }
  const bytes = new Uint8Array(await asked.file.arrayBuffer())
  const policy = await asked.policy?.text()
  const report = await verifyPack(bytes, { ...crypto, ...(policy !== undefined && { policy }) })
  return { kind: 'pack', report, by: crypto.by }
}

const READS = {
  async file(origin: string, path: string): Promise<Uint8Array> {
    const response = await request(`/log/${origin}/${path}`)
    return new Uint8Array(await response.arrayBuffer())
  },
  async proof(id: string, log: string, index: number): Promise<ProofAnswer | undefined> {
    try {
      return await requestJson<ProofAnswer>(`/v1/events/${id}/proof`, { format: 'json', log, index })
    } catch (error) {
      if (error instanceof AuditError && error.code === 'not_found') return undefined
      throw error
    }
  },
  random: (below: number): number => {
    const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2))
    // 53 bits: as many as a number holds whole.
    return Math.floor(((high * 2 ** 21 + (low >>> 11)) / 2 ** 53) * below)
  },
}

function tell(told: Told): void {
  postMessage(told)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
