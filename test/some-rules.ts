import type { CompiledRules } from '../src/rules/compile.ts'
import type { Ruling } from '../src/rules/family.ts'

/** Rules for tests of what carries them: they do what an event's action says, `drop`, `route`, `mask`, `admit`, `shadow`. */
export function someRules(): CompiledRules {
  return {
    streams: ['side'],
    judge(decoded, _scope, _id, noted): Ruling | undefined {
      const { event } = decoded
      switch (event.event.action ?? '') {
        case 'drop':
          noted('rule/drops', 'drop')
          return { kind: 'drop', rule: 'rule/drops' }
        case 'route':
          noted('rule/routes', 'change')
          return { kind: 'keep', decoded, stream: 'side' }
        case 'mask': {
          noted('rule/masks', 'change')
          const { original: _, ...fields } = event.event
          const masked = [{ path: 'message', rule: 'rule/masks' }]
          return { kind: 'keep', decoded: { ...decoded, event: { ...event, event: fields, message: '***' }, masked } }
        }
        case 'admit':
          noted('rule/admits', 'keep')
          return { kind: 'keep', decoded, rule: 'rule/admits' }
        case 'shadow':
          noted('rule/would', 'drop', 'shadow')
          return undefined
        default:
          return undefined
      }
    },
  }
}
