import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A registry mirror may lack a package for another platform. `npm install` then writes a lockfile without it, and `npm ci`
 * fails where it is needed. This finds optional platform packages that the lockfile lacks and, with --write, adds them.
 */
interface Locked {
  version: string
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

interface Lockfile {
  packages: Record<string, Locked>
}

export interface Missing {
  readonly name: string
  readonly version: string
}

export function missingPlatforms(lockfile: Lockfile): Missing[] {
  const paths = Object.keys(lockfile.packages)
  const known = new Set(paths.map((path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)))
  const missing = new Map<string, Missing>()
  for (const { optionalDependencies = {} } of Object.values(lockfile.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (!known.has(name)) missing.set(name, { name, version })
    }
  }
  return [...missing.values()]
}

/** Names of such packages end in their platform: `lib-linux-arm64-gnu`. */
function entryOf({ name, version }: Missing): Locked {
  const [, os, cpu] = /-(linux|darwin|win32)-(x64|arm64)/.exec(name) ?? []
  if (os === undefined || cpu === undefined) throw new Error(`cannot tell the platform of ${name}: add it by hand`)
  return { version, cpu: [cpu], optional: true, os: [os] }
}

if (import.meta.main) {
  const path = join(import.meta.dirname, '../package-lock.json')
  // npm's own file, lockfileVersion 3.
  const lockfile = JSON.parse(readFileSync(path, 'utf8')) as Lockfile
  const missing = missingPlatforms(lockfile)
  const hosts = JSON.stringify(lockfile).includes('"resolved":"http')
  if (hosts) throw new Error('package-lock.json names download hosts: set omit-lockfile-registry-resolved in .npmrc')
  if (missing.length > 0 && !process.argv.includes('--write')) {
    const names = missing.map((each) => each.name).join(', ')
    throw new Error(`package-lock.json lacks ${names}: run node scripts/lockfile.ts --write`)
  }
  for (const each of missing) lockfile.packages[`node_modules/${each.name}`] = entryOf(each)
  lockfile.packages = Object.fromEntries(Object.entries(lockfile.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  if (missing.length > 0) writeFileSync(path, `${JSON.stringify(lockfile, null, 2)}\n`)
}
