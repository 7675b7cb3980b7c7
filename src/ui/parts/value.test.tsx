// @vitest-environment happy-dom
import { renderToStaticMarkup } from 'react-dom/server'
import { expect, test } from 'vitest'
import { SentenceText } from './sentence-text.tsx'
import { Value } from './value.tsx'

function shown(element: React.ReactNode): HTMLElement {
  const holder = document.createElement('div')
  holder.innerHTML = renderToStaticMarkup(element)
  return holder
}

test.each([
  '<img src=x onerror=alert(1)>',
  '</script><script>alert(1)</script>',
  '[click](javascript:alert(1))',
  '&lt;b&gt;',
])('shows %s as the text that it is', (text) => {
  const holder = shown(<Value text={text} />)
  expect(holder.textContent).toBe(text)
  expect(holder.querySelectorAll('*')).toHaveLength(1)
  expect(holder.querySelector('bdi')?.getAttribute('dir')).toBe('auto')
})

test('marks what nobody would see, outside of the text that a selection copies', () => {
  const holder = shown(<Value text={'invoice\u202Efdp.exe'} />)
  expect(holder.querySelector('.char')?.getAttribute('data-char')).toBe('U+202E')
  expect(holder.textContent).toBe('invoicefdp.exe')
})

test('marks a name of mixed alphabets only where names are decided by', () => {
  expect(shown(<Value text={'\u0430lice'} identity />).querySelector('.char')).not.toBeNull()
  expect(shown(<Value text={'\u0430lice'} />).querySelector('.char')).toBeNull()
})

test('gives names their weight, and the outcome a place where nothing shortens it', () => {
  const event = {
    '@timestamp': '2026-11-21T14:03:22.000Z',
    event: {
      action: 'get',
      type: ['access', 'denied'],
      category: ['api'],
      outcome: 'failure' as const,
      dataset: 'kubernetes.audit',
    },
    user: { name: 'bob' },
    audit: { resource: [{ type: 'secret', namespace: 'prod', name: 'db-password' }] },
  }
  const holder = shown(<SentenceText event={event} />)
  expect(holder.textContent).toBe('bob tried to read Secret prod/db-password – denied')
  expect([...holder.querySelectorAll('b')].map((name) => name.textContent)).toEqual(['bob', 'prod/db-password'])
  expect(holder.querySelector('.outcome.is-denied')?.textContent).toBe(' – denied')
})
