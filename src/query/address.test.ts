import { expect, test } from 'vitest'
import { canonicalAddress, parseAddress, parseAddressRange } from './address.ts'

test('takes an IPv4 address and the IPv6 address it is mapped to for one', () => {
  expect(parseAddress('10.1.2.3')).toBe('00000000000000000000ffff0a010203')
  expect(parseAddress('::FFFF:10.1.2.3')).toBe(parseAddress('10.1.2.3'))
  expect(parseAddress('::10.1.2.3')).not.toBe(parseAddress('10.1.2.3'))
})

test.each([
  '',
  '10.1',
  '010.1.2.3',
  '1.2.3.256',
  '10.1.2.3.4',
  '0x0a.1.2.3',
  'fe80::1%eth0',
  ':::',
  'g::',
  '1.2.3.4/8',
  ' 1.2.3.4',
])('takes "%s" for no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
  expect(canonicalAddress(text)).toBeUndefined()
})

test('finds the first and last address of a range, whatever the bits behind its prefix', () => {
  expect(parseAddressRange('10.1.2.3/8')).toEqual([parseAddress('10.0.0.0'), parseAddress('10.255.255.255')])
  expect(parseAddressRange('10.1.2.3/30')).toEqual([parseAddress('10.1.2.0'), parseAddress('10.1.2.3')])
  expect(parseAddressRange('2001:db8::1/33')).toEqual([
    parseAddress('2001:db8::'),
    parseAddress('2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'),
  ])
  expect(parseAddressRange('::/0')).toEqual(['0'.repeat(32), 'f'.repeat(32)])
  expect(parseAddressRange('0.0.0.0/0')).toEqual([parseAddress('0.0.0.0'), parseAddress('255.255.255.255')])
  for (const wrong of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1']) {
    expect(parseAddressRange(wrong), wrong).toBeUndefined()
  }
})

test('spells an address one way', () => {
  expect(canonicalAddress('2001:0DB8:0:0::1')).toBe('2001:db8::1')
  expect(canonicalAddress('::ffff:10.1.2.3')).toBe('10.1.2.3')
})
