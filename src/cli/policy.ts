import { readFileSync } from 'node:fs'

import { Command } from 'commander'

import { AuditError } from '../domain/errors.ts'
import { type PolicyExplanation, explainKubernetesPolicy } from '../rules/kubernetes-policy-explain.ts'
import { type LintFinding, lintKubernetesPolicy } from '../rules/kubernetes-policy-lint.ts'
import type { PolicyRequest } from '../rules/kubernetes-policy-match.ts'
import { type KubernetesPolicy, parseKubernetesPolicy } from '../rules/kubernetes-policy.ts'
import { escapeTerminal } from '../lib/text.ts'
import { findServer } from './client.ts'
import type { Io } from './io.ts'
import { type OutputFormat, type ServerOptions, addServerOptions, outputOption } from './options.ts'
import { jsonText, print, tableText } from './output.ts'
import { volumeOfStored, volumeRemarks, volumeText } from './policy-volume.ts'

/** `whodid policy k8s lint|explain`: needs no server, but for volumes. */
export function policyCommand(io: Io): Command {
  const kubernetes = new Command('k8s')
    .description('audit policies of Kubernetes')
    .addCommand(lintCommand(io))
    .addCommand(explainCommand(io))
  return new Command('policy').description('policies of other systems, read as they read them').addCommand(kubernetes)
}

interface LintOptions extends ServerOptions {
  readonly strict?: true
  readonly volume?: true
  readonly output: OutputFormat
}

function lintCommand(io: Io): Command {
  const command = new Command('lint')
    .description('say what is wrong in a policy, or hardly meant; ends with 1 when a part of it has no effect')
    .argument('<file>', 'a policy of audit.k8s.io/v1')
    .option('--strict', 'end with 1 for warnings too')
    .option('--volume', 'say also what each rule would make of the events of the last day; --url alone says so too')
    .addOption(outputOption(['table', 'json']))
  return addServerOptions(command).action(async (file: string, options: LintOptions) => {
    const policy = readPolicy(file)
    const findings = lintKubernetesPolicy(policy)
    const asksVolume = options.volume === true || options.url !== undefined
    const volume = asksVolume ? await volumeOfStored(findServer(options, io), policy, io) : undefined
    if (options.output === 'json') await print(io, `${jsonText({ file, findings, volume }, 2)}\n`)
    else {
      await print(io, findingsText(file, findings, io))
      if (volume !== undefined) await print(io, `${findings.length > 0 ? '\n' : ''}${volumeText(volume, io)}`)
    }
    if (volume !== undefined) io.err(volumeRemarks(volume))
    const errors = findings.filter(({ severity }) => severity === 'error').length
    const sum = `${policy.rules.length} rules, ${errors} errors, ${findings.length - errors} warnings`
    if (errors === 0 && (options.strict === undefined || findings.length === 0)) return io.err(`${sum}\n`)
    throw new AuditError('invalid_config', `${file}: ${sum}`)
  })
}

function findingsText(file: string, findings: readonly LintFinding[], io: Io): string {
  if (findings.length === 0) return ''
  const rows = findings.map(({ at, rule, severity, code, message }) => {
    return [`${file}:${at.line}:${at.column}`, rule === undefined ? '' : String(rule), severity, code, message]
  })
  return tableText(['WHERE', 'RULE', 'SEVERITY', 'FINDING', 'MESSAGE'], rows, io)
}

interface ExplainOptions {
  readonly user?: string
  readonly group: readonly string[]
  readonly verb: string
  readonly resource?: string
  readonly apiGroup?: string
  readonly namespace?: string
  readonly name?: string
  readonly path?: string
  readonly all?: true
  readonly output: OutputFormat
}

function explainCommand(io: Io): Command {
  const more = (group: string, groups: readonly string[]) => [...groups, group]
  return new Command('explain')
    .description('say which rule of a policy decides over a request, and why')
    .argument('<file>', 'a policy of audit.k8s.io/v1')
    .requiredOption('--verb <verb>', 'of the request, like get; for a path the HTTP method in lower case')
    .option('--user <name>', 'who asks; left out: a request without a user')
    .option('--group <name>', 'a group of the user; may be repeated', more, [])
    .option('--resource <resource>', 'like pods or pods/log')
    .option('--api-group <group>', 'of the resource, like apps; left out: the core group')
    .option('--namespace <name>', 'of the resource; left out: none')
    .option('--name <name>', 'of the resource; left out: none, as in a list')
    .option('--path <path>', 'instead of a resource, like /healthz')
    .option('--all', 'show also each rule before it, and why it does not match')
    .addOption(outputOption(['table', 'json']))
    .action(async (file: string, options: ExplainOptions) => {
      const request = requestOf(options)
      const policy = readPolicy(file)
      const explained = explainKubernetesPolicy(policy, request)
      for (const { at, path, message } of policy.warnings)
        io.err(escapeTerminal(`warning: ${file}:${at.line}:${at.column}: ${path}: ${message}`) + '\n')
      if (options.output === 'json') return print(io, `${jsonText({ file, request, ...explained }, 2)}\n`)
      await print(io, explanationText(file, explained, options.all === true, io))
    })
}

function requestOf(options: ExplainOptions): PolicyRequest {
  const { user, group: groups, verb, resource, path } = options
  const who = { groups, verb, ...(user !== undefined && { user }) }
  if (user === undefined && groups.length > 0) throw wrongCall('--group is given without --user')
  if ((resource === undefined) === (path === undefined)) throw wrongCall('give either --resource or --path')
  if (resource === undefined) {
    const { apiGroup, namespace, name } = options
    const odd = Object.entries({ 'api-group': apiGroup, namespace, name }).find(([, value]) => value !== undefined)
    if (odd !== undefined) throw wrongCall(`--${odd[0]} says nothing about a path`)
    return { ...who, target: { kind: 'path', path: path ?? '' } }
  }
  const slash = resource.indexOf('/')
  const target = {
    kind: 'resource' as const,
    apiGroup: options.apiGroup ?? '',
    resource: slash < 0 ? resource : resource.slice(0, slash),
    subresource: slash < 0 ? '' : resource.slice(slash + 1),
    namespace: options.namespace ?? '',
    name: options.name ?? '',
  }
  return { ...who, target }
}

function wrongCall(message: string): AuditError {
  return new AuditError('bad_request', message, { hint: 'see whodid policy k8s explain --help' })
}

function explanationText(file: string, explained: PolicyExplanation, all: boolean, io: Io): string {
  const { decision, at, because, passedOver } = explained
  const who =
    decision.rule === undefined || at === undefined
      ? `no rule of ${file} matches, so nothing is logged`
      : `rule ${decision.rule} (${file}:${at.line}:${at.column}) decides`
  const facts = [
    ['level', decision.level],
    ...(decision.omitStages.length > 0 ? [['stages omitted', decision.omitStages.join(', ')]] : []),
    ...(decision.omitManagedFields ? [['managed fields', 'omitted']] : []),
    ...(decision.rule !== undefined && because.length === 0 ? [['because', 'it has no conditions']] : []),
    ...because.map((condition) => ['because', condition]),
  ]
  const lines = facts.map(([label = '', value = '']) => `  ${label.padEnd(16)}${value}`)
  const passed = `  ${'passed over'.padEnd(16)}${passedOver.length} ${passedOver.length === 1 ? 'rule' : 'rules'} before it`
  const said = [who, ...lines, ...(passedOver.length > 0 && !all && decision.rule !== undefined ? [passed] : [])]
  const text = said.map((line) => `${escapeTerminal(line)}\n`).join('')
  if (!all || passedOver.length === 0) return text
  const rows = passedOver.map(({ rule, at: place, unmet }) => [String(rule), String(place.line), unmet])
  return `${text}\n${tableText(['RULE', 'LINE', 'NOT MET'], rows, io)}`
}

const MOST_BYTES = 4 << 20

function readPolicy(file: string): KubernetesPolicy {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new AuditError('not_found', `cannot read ${file}`, { cause })
  }
  if (bytes.length > MOST_BYTES) throw new AuditError('too_large', `${file} has more than ${MOST_BYTES} bytes`)
  try {
    return parseKubernetesPolicy(new TextDecoder('utf-8', { fatal: true }).decode(bytes), file)
  } catch (cause) {
    if (cause instanceof AuditError) throw cause
    if (!(cause instanceof TypeError)) throw cause
    throw new AuditError('invalid_config', `${file} is not UTF-8`, { cause })
  }
}
