import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'

import { AuditError, type InputFault } from '../domain/errors.ts'
import { noDocuments, type RuleDocuments, readRuleDocuments } from '../rules/rule-documents.ts'

/** What files of rules said. */
export interface Resources extends RuleDocuments {
  /** Files and folders that were read: what is looked at for changes. */
  readonly files: string[]
}

export function noResources(): Resources {
  return { ...noDocuments(), files: [] }
}

const MOST_FILES = 1000
const DEEPEST = 8
const MOST_BYTES = 1 << 20
const EXTENSIONS = new Set(['.yaml', '.yml', '.json'])

/**
 * Reads all documents of a folder and the folders in it, files by name: `.yaml`, `.yml`, `.json`; names that begin with a
 * dot are passed over. Throws `invalid_config` with all that is wrong in all files, by file, line and column.
 */
export function readFolder(folder: string, into: Resources): void {
  const faults: InputFault[] = []
  let first: AuditError | undefined
  for (const file of filesIn(folder, into)) {
    try {
      readResourceFile(file, into)
    } catch (error) {
      if (!(error instanceof AuditError) || error.code !== 'invalid_config') throw error
      first ??= error
      faults.push(...(error.details.faults ?? [{ path: file, message: error.message }]))
    }
  }
  if (first === undefined) return
  throw new AuditError('invalid_config', first.message, { ...first.details, faults: faults.slice(0, MOST_FAULTS) })
}

const MOST_FAULTS = 100

/** Throws `invalid_config`: one bad document refuses its file. */
export function readResourceFile(file: string, into: Resources): void {
  into.files.push(file)
  readRuleDocuments(readText(file), file, into)
}

/** A file of UTF-8. Throws `invalid_config`. */
export function readText(file: string): string {
  try {
    if (statSync(file).size > MOST_BYTES)
      throw new AuditError('invalid_config', `${file} has more than ${MOST_BYTES} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (cause) {
    if (cause instanceof AuditError) throw cause
    if (cause instanceof TypeError) throw new AuditError('invalid_config', `${file} is not UTF-8`, { cause })
    throw new AuditError('invalid_config', `cannot read ${file}`, {
      cause,
      hint: 'paths are relative to the configuration’s file',
    })
  }
}

function filesIn(folder: string, { files }: Resources): readonly string[] {
  const found: string[] = []
  const look = (path: string, depth: number): void => {
    files.push(path)
    for (const entry of entriesOf(path)) {
      if (entry.name.startsWith('.')) continue
      const inner = join(path, entry.name)
      // Mounted ConfigMaps are links.
      const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && isFolderAt(inner))
      if (isFolder && depth === DEEPEST) throw new AuditError('invalid_config', `${inner} is nested too deeply`)
      if (isFolder) look(inner, depth + 1)
      else if (EXTENSIONS.has(extname(entry.name))) found.push(inner)
      if (found.length > MOST_FILES)
        throw new AuditError('invalid_config', `${folder} has more than ${MOST_FILES} files`)
    }
  }
  look(folder, 0)
  return found
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  } catch (cause) {
    const hint = 'resources names a folder, relative to the configuration’s file'
    throw new AuditError('invalid_config', `cannot read the folder ${folder}`, { cause, hint })
  }
}

function isFolderAt(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
