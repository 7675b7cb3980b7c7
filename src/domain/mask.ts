/**
 * What a mask leaves of a value. The first four are ours; those that show a part and a star for every other character
 * are what Flex calls ShowFirst, ShowLast, ShowEmailHost and ShowEmailPart.
 */
export const MASK_HOWS = [
  'remove',
  'hash',
  'truncate',
  'last-four',
  'show-first',
  'show-last',
  'show-email-host',
  'show-email-part',
] as const
export type MaskHow = (typeof MASK_HOWS)[number]
