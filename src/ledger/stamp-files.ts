import type { Files } from '../lib/files.ts'

/**
 * Time stamps of a log, in the folder `anchors/` of it: `<size>.checkpoint` is what was stamped, verbatim, `<size>.tsr` the
 * whole response, `chain.pem` the certificates that were needed.
 */
export interface StampFiles {
  /** Sizes of the checkpoints that have one, ascending. */
  sizes(origin: string): Promise<readonly number[]>
  read(origin: string, size: number): Promise<KeptStamp | undefined>
  save(origin: string, size: number, stamp: KeptStamp): Promise<void>
}

interface KeptStamp {
  readonly note: string
  readonly response: Uint8Array
  /** PEM. */
  readonly chain: string
}

/** @param folder of the ledger */
export function createStampFiles(files: Files, folder: string): StampFiles {
  const anchors = (origin: string): string => `${folder}/${origin}/anchors`

  return {
    async sizes(origin) {
      const names = await files.list(anchors(origin))
      const sizes = names.flatMap((name) => (/^\d{1,16}\.tsr$/.test(name) ? [Number(name.slice(0, -4))] : []))
      return sizes.toSorted((a, b) => a - b)
    },
    async read(origin, size) {
      const at = anchors(origin)
      const [note, response] = [await files.read(`${at}/${size}.checkpoint`), await files.read(`${at}/${size}.tsr`)]
      if (note === undefined || response === undefined) return undefined
      const chain = Buffer.from((await files.read(`${at}/chain.pem`)) ?? []).toString()
      return { note: Buffer.from(note).toString(), response, chain }
    },
    async save(origin, size, { note, response, chain }) {
      const at = anchors(origin)
      await files.makeFolder(at)
      const known = Buffer.from((await files.read(`${at}/chain.pem`)) ?? []).toString()
      const more = pemsIn(chain).filter((pem) => !known.includes(pem))
      if (more.length > 0) await files.replace(`${at}/chain.pem`, Buffer.from(known + more.join('')))
      await files.replace(`${at}/${size}.checkpoint`, Buffer.from(note))
      // Last: a crash before this line leaves a checkpoint that nobody looks for.
      await files.replace(`${at}/${size}.tsr`, response)
    },
  }
}

function pemsIn(text: string): readonly string[] {
  return text
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .map((part) => part.slice(Math.max(0, part.indexOf('-----BEGIN CERTIFICATE-----'))))
    .filter((part) => part.startsWith('-----BEGIN CERTIFICATE-----'))
}
