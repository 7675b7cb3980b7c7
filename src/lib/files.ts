/**
 * The file operations that durability depends on, and nothing else. Journal and ledger use these only, so a test can
 * hand in a disk that fails or forgets: after a crash it keeps just what was synced. What a crash leaves is the contract:
 *
 * - bytes appended to a file survive only up to its last `sync`;
 * - a created, renamed or removed name survives only if its folder was synced after it (`syncFolder`).
 *
 * Every function throws AuditError `disk_full` (ENOSPC, EDQUOT) or `io_failed` (all else), naming the path.
 * After a failed write or sync nobody knows what is on the disk: the caller must stop writing and recover by reopening.
 */
export interface Files {
  /** Makes a new empty file for appending. Fails when it exists. The folder is not synced. */
  create(path: string): Promise<DurableFile>
  /** Opens an existing file; appends go to its end. Fails when it is not there. */
  open(path: string): Promise<DurableFile>
  /** The whole file, or undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Bytes from..from+length of a file (fewer at its end). */
  readRange(path: string, from: number, length: number): Promise<Uint8Array>
  /** Whole new content, atomically and durably: temporary file, sync, rename, sync of the folder. Mode 0600. */
  replace(path: string, bytes: Uint8Array): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>
  /** Makes a folder and its parents (mode 0700), each durable in its parent. */
  makeFolder(path: string): Promise<void>
  syncFolder(path: string): Promise<void>
  /** Names in a folder, sorted; empty when it is not there. */
  list(folder: string): Promise<readonly string[]>
  /** Size in bytes, or undefined when there is no such file. */
  size(path: string): Promise<number | undefined>
}

export interface DurableFile {
  readonly path: string
  /** Bytes in the file, appended ones included. */
  readonly sizeBytes: number
  /** Appends all parts in order (writev). Calls must not overlap. */
  append(parts: readonly Uint8Array[]): Promise<void>
  /** fdatasync: everything appended so far is durable when it resolves. */
  sync(): Promise<void>
  /** Cuts the file. Durable after the next `sync`. */
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}
