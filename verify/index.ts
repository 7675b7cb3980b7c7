export * from './base64.ts'
export * from './blocks.ts'
export * from './bundle.ts'
export { type Certificate, fingerprint, parsePem, rootsOf } from './certificate.ts'
export * from './checkpoint.ts'
export * from './consistency.ts'
export * from './cosignature.ts'
export * from './edge.ts'
export * from './erasure.ts'
export * from './errors.ts'
export * from './event-proof.ts'
export * from './hash.ts'
export { proveInclusion, verifyInclusion } from './inclusion.ts'
export * from './leaf.ts'
export * from './log.ts'
export * from './note.ts'
export { type PackReport, type PackedEvent, type PackOptions, MAX_PACK_BYTES, verifyPack } from './pack.ts'
export { type BlocksLine, type ErasureLine, formatBlocksLine, formatErasureLine } from './pack-lines.ts'
export { type PackLog, type PackManifest, PACK_FORMAT } from './pack-manifest.ts'
export * from './policy.ts'
export * from './proof.ts'
export { type Check, type Report, type ReportLine, CHECK_NAMES } from './report.ts'
export * from './root-entry.ts'
export * from './tar.ts'
export * from './tiles.ts'
export {
  type TimeStamp,
  type TimeStampExpected,
  formatTimeStampRequest,
  parseTimeStamp,
  verifyTimeStamp,
} from './timestamp.ts'
export * from './tree.ts'
export * from './witness.ts'
