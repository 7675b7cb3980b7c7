import { existsSync, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  readonly chdb: string
  /** Of the disk that holds the data folder. */
  readonly diskFreeGb: number
}

export async function describeMachine(folder: string): Promise<Machine> {
  const { bavail, bsize } = await statfs(folder)
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / GB),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    chdb: versionOf('chdb'),
    diskFreeGb: Math.round((bavail * bsize) / GB),
  }
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGb, system, node, chdb, diskFreeGb } = machine
  return `${cpu}, ${cores} cores, ${memoryGb} GB, ${system}, Node ${node}, chDB ${chdb}, ${diskFreeGb} GB of disk free`
}

const GB = 1024 ** 3

function versionOf(name: string): string {
  const path = join(import.meta.dirname, '../node_modules', name, 'package.json')
  if (!existsSync(path)) return 'none'
  // Each package.json has a version.
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
