import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { buildSingleFile } from '../scripts/verify-page.ts'

test('the single file imports nothing and verifies a pack in a folder of its own', async () => {
  await buildSingleFile()
  const folder = mkdtempSync(join(tmpdir(), 'whodid-single-'))
  copyFileSync(join(import.meta.dirname, 'dist/single.js'), join(folder, 'single.mjs'))
  copyFileSync(join(import.meta.dirname, '../test/fixtures/evidence/range.tar'), join(folder, 'range.tar'))
  writeFileSync(join(folder, 'check.mjs'), CHECK)

  expect(readFileSync(join(folder, 'single.mjs'), 'utf8')).not.toMatch(/^import |\bimport\(|\brequire\(/m)
  expect(execFileSync(process.execPath, ['check.mjs'], { cwd: folder, encoding: 'utf8' })).toMatch(
    /^verified: Verified: 2 events/,
  )
  rmSync(folder, { recursive: true })
})

const CHECK = `
import { createHash, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { verifyPack } from './single.mjs'

const report = await verifyPack(new Uint8Array(readFileSync('range.tar')), {
  sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  async verifyEd25519(key, message, signature) {
    const imported = await webcrypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify'])
    return webcrypto.subtle.verify('Ed25519', imported, signature, message)
  },
})
console.log(report.verdict + ': ' + report.summary)
`
