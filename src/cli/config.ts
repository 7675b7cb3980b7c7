import { matchesGlob } from 'node:path'
import { Command } from 'commander'

import { escapeTerminal } from '../lib/text.ts'
import { kmeshMeaning } from '../rules/access-audit-kmesh.ts'
import { ruleEntries } from '../rules/rule-entries.ts'
import { type Config, loadConfig } from '../server/config.ts'
import { NO_FILES } from '../server/reload.ts'
import type { Io } from './io.ts'
import { print, tableText } from './output.ts'

/** `whodid config check` */
export function configCommand(io: Io): Command {
  const check = new Command('check')
    .description('read the configuration and all files of rules, say what is wrong in them, and show the rules')
    .option('--config <file>', 'configuration (default ./whodid.yaml if there)')
    .action(async ({ config: file }: { config?: string }) => {
      const { sources, streams, data, rules } = loadConfig(file === undefined ? {} : { file })
      const { set, origins, warnings } = rules?.rules ?? NO_FILES.rules
      const entries = ruleEntries(set)
      for (const warning of warnings) io.err(`warning: ${escapeTerminal(warning)}\n`)
      const meaning = rules?.kmesh && kmeshMeaning(rules.kmesh, (path) => followerOf(path, sources))
      for (const line of meaning ?? []) io.err(`kmesh: ${escapeTerminal(line)}\n`)
      const rows = entries.map(({ name, text }) => [
        name,
        text,
        Object.hasOwn(origins, name) ? (origins[name] ?? '') : '',
      ])
      if (rows.length > 0) await print(io, tableText(['RULE', 'SAYS', 'ORIGIN'], rows, io))
      const numbers = `${sources.length} sources, ${streams.length} streams, ${entries.length} rules`
      io.err(`the configuration is right: ${numbers}, data in ${data}\n`)
    })
  return new Command('config').description('the configuration').addCommand(check)
}

function followerOf(path: string, sources: Config['sources']): string | undefined {
  return sources.find((each) => {
    return each.kind === 'file' && each.format === 'kong-mesh' && each.paths.some((glob) => matchesGlob(path, glob))
  })?.name
}
