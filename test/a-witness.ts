import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { initWitness, startWitness, type WitnessServer } from '../src/server/witness.ts'
import { aFolder } from './a-server.ts'

/** A real witness in this process, which learns of logs as they come. */
export interface AWitness extends WitnessServer {
  readonly name: string
  /** Ends it and starts it again at the same port, with these logs. */
  watch(...vkeys: readonly string[]): Promise<void>
  stop(): Promise<void>
}

/** Any valid key: a witness wants one log at least. */
const NOBODY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'

export async function aWitness(name: string): Promise<AWitness> {
  const folder = aFolder()
  const logs = join(folder, 'logs')
  await initWitness(folder, `${name}.example/w`)
  writeFileSync(logs, `${NOBODY}\n`)
  const start = (listen: string) => startWitness({ folder, listen, logs, rate: 1000, log: () => undefined })
  let running = await start('127.0.0.1:0')
  const { url, vkey } = running
  onTestFinished(() => running.close().catch(() => undefined))
  return {
    name,
    url,
    vkey,
    close: () => running.close(),
    stop: () => running.close(),
    async watch(...vkeys) {
      await running.close().catch(() => undefined)
      writeFileSync(logs, [NOBODY, ...vkeys].map((each) => `${each}\n`).join(''))
      running = await start(url.slice('http://'.length))
    },
  }
}

/** A policy in which `need` of these must sign. */
export function policyOf(witnesses: readonly AWitness[], need: number | 'all' | 'any' = 'all'): string {
  const lines = witnesses.map(({ name, vkey, url }) => `witness ${name} ${vkey} ${url}\n`)
  return `${lines.join('')}group g ${need} ${witnesses.map(({ name }) => name).join(' ')}\nquorum g\n`
}
