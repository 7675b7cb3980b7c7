import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import { z } from 'zod'
import { AuditError } from '../domain/errors.ts'
import { nearest } from '../domain/nearest.ts'
import type { Period } from '../ingest/logs.ts'
import { parseStrict } from '../lib/strict.ts'
import type { TlsFiles } from '../lib/tls.ts'
import type { CategoriesFlag } from '../rules/categories.ts'
import { type ExpressionRule, parseExpressionRules } from '../rules/expressions.ts'
import { name, tls } from '../sources/config.ts'
import { parseSource, type SourceConfig } from '../sources/kinds.ts'
import { type AccessAuditsConfig, accessAuditsConfig } from './access-audit-watch.ts'
import { forwardTo, type ForwardToConfig } from './forward-config.ts'
import { readRuleFiles, type RulesRead } from './rule-files.ts'

/** What `whodid.yaml` says, every key optional. Paths are absolute here. */
export interface Config {
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string
  /** Left out: plain HTTP, on loopback only. */
  readonly tls?: TlsFiles
  /** Where browsers find this server, if not where it listens: no path, no slash at the end. */
  readonly publicUrl?: string
  readonly data: string
  readonly install?: string
  readonly keys: string
  readonly ledger: LedgerConfig
  readonly store: { readonly url?: string; readonly database?: string }
  readonly streams: readonly StreamConfig[]
  readonly sources: readonly SourceConfig[]
  /** Bytes; left out: 20 GB or a fifth of the disk. */
  readonly journalBytes?: number
  /** Of records that could become no event. */
  readonly rejected?: { readonly maxBytes?: number; readonly keepMs?: number }
  /** Of `whodid forward` alone. */
  readonly forward?: ForwardToConfig
  /** Where it was read. */
  readonly file?: string
  /** How many people a held change takes. Left out: `single`. */
  readonly approvals?: 'single'
  /** Where AccessAudits are followed on Kubernetes. Left out: nowhere. */
  readonly accessAudits?: AccessAuditsConfig
  /** All rules of all files. Left out: none. */
  readonly rules?: RulesRead
}

interface LedgerConfig {
  readonly public: 'none' | 'tiles' | 'entries'
  /** A tlog-policy with the addresses of the witnesses of the root log. */
  readonly witnesses?: string
  /** A time stamp authority (RFC 3161), how often it is asked, who it must lead to, and under which policy. */
  readonly timestamps?: {
    readonly url: string
    readonly everyMs: number
    readonly ca?: string
    readonly policy?: string
  }
  /** How often the root log takes in what changed; left out: ten seconds. */
  readonly rootMs?: number
  /** Part of the time in which the store is compared with the ledger; left out: 0.02. */
  readonly scrubShare?: number
}

interface StreamConfig {
  readonly name: string
  /** Legal basis of keeping it, in words. */
  readonly basis?: string
  /** Whether hashes of a log stay when its entries go. Left out: they do. */
  readonly keepHashes?: boolean
  readonly keep?: string
  readonly period?: Period
}

export interface ConfigOverrides {
  readonly file?: string
  /** `--audit_log_excluded_categories`, in their order. */
  readonly categoryFlags?: readonly CategoriesFlag[]
  readonly data?: string
  readonly listen?: string
}

const DEFAULT_FILE = 'whodid.yaml'
const DEFAULT_LISTEN = '127.0.0.1:7421'
const DEFAULT_DATA = '.whodid'
const MOST_ALIASES = 100

const stream: z.ZodType<StreamConfig> = z.strictObject({
  name: name.refine(
    (word) => !['root', 'log'].includes(word) && word.length <= 32,
    'root and log are reserved; 32 characters at most',
  ),
  keep: z
    .string()
    .regex(/^[1-9]\d{0,4}[dy]$/, 'a time like 90d or 5y')
    .exactOptional(),
  basis: z.string().min(1).max(1000).exactOptional(),
  keepHashes: z.boolean().exactOptional(),
  period: z.enum(['month', 'day']).exactOptional(),
})

const file = z.strictObject({
  listen: z
    .string()
    .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, 'HOST:PORT, like 127.0.0.1:7421')
    .exactOptional(),
  tls: tls.exactOptional(),
  publicUrl: z.string().refine(isOrigin, 'an address without a path, like https://audit.example.com').exactOptional(),
  data: z.string().min(1).exactOptional(),
  install: name.exactOptional(),
  keys: z.strictObject({ path: z.string().min(1) }).exactOptional(),
  ledger: z
    .strictObject({
      public: z.enum(['none', 'tiles', 'entries']).exactOptional(),
      witnesses: z.string().min(1).exactOptional(),
      timestamps: z
        .strictObject({
          url: z.url({ protocol: /^https?$/ }),
          every: z
            .string()
            .regex(/^[1-9]\d{0,4}[smhd]$/, 'a time like 1h')
            .exactOptional(),
          ca: z.string().min(1).exactOptional(),
          policy: z
            .string()
            .regex(/^[0-2](?:\.(?:0|[1-9]\d{0,9})){1,20}$/, 'an object identifier like 1.2.3.4.1')
            .exactOptional(),
        })
        .exactOptional(),
      rootSeconds: z.int().min(1).max(600).exactOptional(),
      scrubShare: z.number().min(0).max(1).exactOptional(),
    })
    .exactOptional(),
  store: z.strictObject({ url: z.url(), database: z.string().regex(/^\w+$/).exactOptional() }).exactOptional(),
  forward: forwardTo.exactOptional(),
  journal: z.strictObject({ maxBytes: z.int().positive() }).exactOptional(),
  rejected: z
    .strictObject({
      maxBytes: z.int().nonnegative().exactOptional(),
      keep: z
        .string()
        .regex(/^[1-9]\d{0,4}[dy]$/, 'a time like 30d or 1y')
        .exactOptional(),
    })
    .exactOptional(),
  streams: z.array(stream).exactOptional(),
  approvals: z.enum(['single'], 'single is the one setting until people sign in').exactOptional(),
  resources: z.string().min(1).exactOptional(),
  excludedCategories: z.array(z.string().max(100)).max(100).exactOptional(),
  include: z
    .strictObject({
      kmesh: z.string().min(1).exactOptional(),
      engflow: z.string().min(1).exactOptional(),
      flex: z.string().min(1).exactOptional(),
    })
    .exactOptional(),
  masks: z.strictObject({ off: z.array(z.string().max(100)).max(100) }).exactOptional(),
  accessAudits: accessAuditsConfig.exactOptional(),
  // Each is parsed strictly by its kind.
  sources: z.array(z.unknown()).exactOptional(),
  // By their own parser.
  rules: z.array(z.unknown()).exactOptional(),
})

type FileConfig = Omit<z.infer<typeof file>, 'sources' | 'rules'> & {
  readonly sources: readonly SourceConfig[]
  readonly rules: readonly ExpressionRule[]
  /** `FILE:LINE:COLUMN` of a dotted path. */
  readonly at: (path: string) => string
}

/**
 * Reads the configuration file (`./whodid.yaml` if there) and what the command line overrides. Throws `invalid_config`
 * with file, line and column of everything that is wrong; unknown keys are refused with the nearest right one.
 */
export function loadConfig(overrides: ConfigOverrides): Config {
  const path = overrides.file ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined)
  const said: FileConfig = path === undefined ? { sources: [], rules: [], at: (key) => key } : parseFile(path)
  const base = path === undefined ? process.cwd() : dirname(resolve(path))
  const at = (relative: string): string => (isAbsolute(relative) ? relative : join(base, relative))
  // --data is relative to the working folder, everything in the file to the file.
  const data =
    overrides.data === undefined
      ? said.data === undefined
        ? resolve(DEFAULT_DATA)
        : at(said.data)
      : resolve(overrides.data)
  const written = said.sources.map((source) => withPaths(source, at))
  const rules = readRules(said, written, at, overrides.categoryFlags ?? [])
  const sources = written.map((source) => withPolicy(source, rules, at))
  refuseTwice('source', sources)
  refuseTwoReaders(sources)
  refuseTwice('stream', said.streams ?? [])
  return {
    listen: overrides.listen ?? said.listen ?? DEFAULT_LISTEN,
    ...(said.tls !== undefined && { tls: withPaths(said.tls, at) }),
    ...(said.publicUrl !== undefined && { publicUrl: new URL(said.publicUrl).origin }),
    data,
    ...(said.install !== undefined && { install: said.install }),
    keys: said.keys === undefined ? join(data, 'keys') : at(said.keys.path),
    ledger: {
      public: said.ledger?.public ?? 'none',
      ...(said.ledger?.witnesses !== undefined && { witnesses: at(said.ledger.witnesses) }),
      ...(said.ledger?.timestamps !== undefined && { timestamps: timestampsOf(said.ledger.timestamps, at) }),
      ...(said.ledger?.rootSeconds !== undefined && { rootMs: said.ledger.rootSeconds * 1000 }),
      ...(said.ledger?.scrubShare !== undefined && { scrubShare: said.ledger.scrubShare }),
    },
    store: said.store ?? {},
    streams: said.streams ?? [],
    sources,
    ...(said.journal !== undefined && { journalBytes: said.journal.maxBytes }),
    ...(said.rejected !== undefined && { rejected: rejectedOf(said.rejected) }),
    ...(said.forward !== undefined && { forward: withPaths(said.forward, at) }),
    ...(path !== undefined && { file: resolve(path) }),
    ...(said.approvals !== undefined && { approvals: said.approvals }),
    ...(said.accessAudits !== undefined && { accessAudits: withPaths(said.accessAudits, at) }),
    rules,
  }
}

function readRules(
  said: FileConfig,
  sources: readonly SourceConfig[],
  at: (relative: string) => string,
  flags: readonly CategoriesFlag[],
): RulesRead {
  const { rules, resources, include, excludedCategories, masks } = said
  const policyFiles = sources.flatMap(({ policy }) => (policy !== undefined && isFile(policy) ? [at(policy)] : []))
  const config = {
    rules,
    ...(resources !== undefined && { resources: at(resources) }),
    ...(include !== undefined && {
      include: Object.fromEntries(Object.entries(include).map(([key, each]) => [key, at(each)])),
    }),
    ...(excludedCategories !== undefined && { excludedCategories }),
    ...(masks !== undefined && { masks }),
  }
  return readRuleFiles({ config, at: said.at, policyFiles: [...new Set(policyFiles)], flags })
}

/** A policy is called by its name, or by a file that holds it. */
function isFile(policy: string): boolean {
  return /\.(ya?ml|json)$/.test(policy)
}

/** With the name of its policy, where there is one of that name. */
function withPolicy(
  source: SourceConfig,
  { rules, policyNames }: RulesRead,
  at: (path: string) => string,
): SourceConfig {
  if (source.policy === undefined) return source
  const policy = isFile(source.policy) ? (policyNames.get(at(source.policy)) ?? source.policy) : source.policy
  const known = Object.keys(rules.set.kubernetesPolicies)
  if (known.includes(policy)) return { ...source, policy }
  const meant = nearest(policy, known)
  const hint =
    meant === undefined
      ? 'put the policy into the folder of resources, or name its file: policy: FILE.yaml'
      : `did you mean ${meant}?`
  throw new AuditError('invalid_config', `source ${source.name} names the policy ${policy}, which there is not`, {
    hint,
  })
}

function timestampsOf(
  { url, every = '1h', ca, policy }: NonNullable<NonNullable<FileConfig['ledger']>['timestamps']>,
  at: (relative: string) => string,
): NonNullable<LedgerConfig['timestamps']> {
  const unit = { s: 1000, m: 60_000, h: 3_600_000, d: DAY_MS }
  // The schema allows no other letter.
  const everyMs = Number(every.slice(0, -1)) * unit[every.at(-1) as keyof typeof unit]
  return { url, everyMs, ...(ca !== undefined && { ca: at(ca) }), ...(policy !== undefined && { policy }) }
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, pathname, search, hash, username } = new URL(text)
  return /^https?:$/.test(protocol) && pathname === '/' && `${search}${hash}${username}` === ''
}

function rejectedOf({ maxBytes, keep }: NonNullable<FileConfig['rejected']>): NonNullable<Config['rejected']> {
  return { ...(maxBytes !== undefined && { maxBytes }), ...(keep !== undefined && { keepMs: lengthMs(keep) }) }
}

const DAY_MS = 86_400_000

function lengthMs(time: string): number {
  return daysIn(time) * DAY_MS
}

/** Days in a time like `90d` or `5y`. */
export function daysIn(time: string): number {
  return Number(time.slice(0, -1)) * (time.endsWith('y') ? 365 : 1)
}

/** The keys under which kinds of sources name files: of secrets (`file`), of TLS, and what is followed. */
const PATH_KEYS = new Set(['file', 'paths', 'cert', 'key', 'ca', 'clientCa', 'kubeconfig'])
/** Belong to the format, which reads no files. */
const NO_PATHS = new Set(['options'])

function withPaths<T>(value: T, at: (relative: string) => string, isPath = false): T {
  // Strings become strings, lists and objects keep their shape: the type stays what it was.
  if (typeof value === 'string') return (isPath ? at(value) : value) as T
  if (Array.isArray(value)) return value.map((each: unknown) => withPaths(each, at, isPath)) as T
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, each]: [string, unknown]) => {
    return [key, NO_PATHS.has(key) ? each : withPaths(each, at, PATH_KEYS.has(key))]
  })
  return Object.fromEntries(entries) as T
}

function parseFile(path: string): FileConfig {
  const lines = new LineCounter()
  const document = parseDocument(read(path), { lineCounter: lines, uniqueKeys: true, prettyErrors: false })
  const [broken] = document.errors
  if (broken !== undefined) {
    throw new AuditError('invalid_config', `${position(lines, path, broken.pos[0])}: ${broken.message}`)
  }
  try {
    const { sources = [], rules = [], ...said } = parseStrict(file, toPlain(document, path) ?? {}, path)
    return {
      ...said,
      sources: sources.map((each, n) => placed(['sources', n], () => parseSource(each))),
      rules: parseExpressionRules(rules),
      at: (dotted) => where(document, lines, path, dotted),
    }
  } catch (error) {
    throw error instanceof AuditError ? withPositions(error, document, lines, path) : error
  }
}

/** Says of what is wrong inside a list where in the whole file it is. */
function placed<T>(at: readonly (string | number)[], work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof AuditError) || error.details.faults === undefined) throw error
    const faults = error.details.faults.map((fault) => ({ ...fault, path: [...at, fault.path].join('.') }))
    throw new AuditError(error.code, error.message, { ...error.details, faults })
  }
}

function withPositions(error: AuditError, document: Document, lines: LineCounter, path: string): AuditError {
  const faults = (error.details.faults ?? []).map((fault) => {
    return { ...fault, path: `${where(document, lines, path, fault.path)} ${fault.path}` }
  })
  const first = faults[0] === undefined ? '' : `${faults[0].path.split(' ')[0]}: `
  return new AuditError(error.code, `${first}${error.message}`, { ...error.details, faults })
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new AuditError('invalid_config', `cannot read ${path}`, { cause, hint: 'name another one with --config' })
  }
}

function toPlain(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES })
  } catch (cause) {
    throw new AuditError('invalid_config', `${path} uses more than ${MOST_ALIASES} aliases`, { cause })
  }
}

function where(document: Document, lines: LineCounter, path: string, dotted: string): string {
  const keys = dotted.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key))
  for (let length = keys.length; length > 0; length--) {
    const node = document.getIn(keys.slice(0, length), true)
    if (isNode(node) && node.range) return position(lines, path, node.range[0])
  }
  return path
}

function position(lines: LineCounter, path: string, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${path}:${line}:${col}`
}

/** Two would each get a part of it. */
function refuseTwoReaders(sources: readonly SourceConfig[]): void {
  const [first, second] = sources.filter(({ kind }) => kind === 'stdin')
  if (first === undefined || second === undefined) return
  const hint = 'there is one standard input: name one source of kind stdin'
  throw new AuditError('invalid_config', `sources ${first.name} and ${second.name} both read standard input`, { hint })
}

function refuseTwice(what: string, list: readonly { readonly name: string }[]): void {
  const seen = new Set<string>()
  for (const { name: each } of list) {
    if (seen.has(each))
      throw new AuditError('invalid_config', `two ${what}s are called ${each}`, { hint: 'names are used once' })
    seen.add(each)
  }
}
