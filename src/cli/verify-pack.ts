import { readFile, stat } from 'node:fs/promises'

import { CHECK_NAMES, MAX_PACK_BYTES, type PackReport, type ReportLine, verifyPack } from '../../verify/index.ts'
import { AuditError } from '../domain/errors.ts'
import { nodeCrypto } from '../ledger/node-crypto.ts'
import { escapeTerminal } from '../lib/text.ts'
import type { Io } from './io.ts'
import { colours, jsonText, print } from './output.ts'

export interface PackOptions {
  readonly policy?: string
  readonly output: 'text' | 'json'
}

/** Checks an evidence pack and prints one line a check. Throws `not_verified` when one of them says no. */
export async function verifyPackFile(path: string, options: PackOptions, io: Io): Promise<void> {
  const { policy } = options
  const report = await verifyPack(await bytesOf(path), {
    ...nodeCrypto,
    ...(policy !== undefined && { policy: (await bytesOf(policy)).toString('utf8') }),
  })
  if (options.output === 'json') {
    const { events, manifest: _manifest, ...told } = report
    await print(io, `${jsonText({ ...told, events: events.length }, 2)}\n`)
  } else {
    await print(io, textOf(report, io))
  }
  if (report.verdict !== 'verified') throw new AuditError('not_verified', `${path} is not verified`)
}

async function bytesOf(path: string): Promise<Buffer> {
  try {
    if ((await stat(path)).size > MAX_PACK_BYTES) throw new AuditError('too_large', `${path} is larger than 2 GiB`)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof AuditError) throw cause
    throw new AuditError('bad_request', `cannot read ${path}`, { cause, hint: 'name a file, a folder or a URL' })
  }
}

function textOf(report: PackReport, io: Io): string {
  const { bold } = colours(io)
  const head = [escapeTerminal(report.about), `Believed: ${report.trusted}.`]
  const warning = report.trusted === 'your policy' ? [] : ['Compare it with one that you had another way (--policy).']
  const lines = report.lines.map((line) => lineOf(line, io))
  return [...head, ...warning, '', ...lines, '', bold(escapeTerminal(report.summary)), ''].join('\n')
}

function lineOf({ check, verdict, log, text }: ReportLine, io: Io): string {
  const { green, red, dim } = colours(io)
  const mark = { yes: green('✓'), no: red('✕'), open: dim('–') }[verdict]
  const about = log === undefined ? '' : `${escapeTerminal(log)}: `
  return `${mark} ${CHECK_NAMES[check].padEnd(WIDTH)} ${about}${escapeTerminal(text)}`
}

const WIDTH = Math.max(...Object.values(CHECK_NAMES).map((name) => name.length))
