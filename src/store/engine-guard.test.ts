import { expect, test } from 'vitest'
import { refusedToReaders } from './engine-guard.ts'

test('lets a reader select', () => {
  for (const sql of [
    'SELECT 1',
    '/* wd:x */ select a, b FROM t WHERE x = {p0:String}',
    'WITH 1 AS x SELECT x',
    "SELECT 'into outfile', `file`, profile(1) FROM t -- INTO OUTFILE",
    "SELECT 1 FROM t WHERE a = 'it''s; not \\' the end; file(';",
    'SELECT 1;',
  ]) {
    expect(refusedToReaders(sql), sql).toBeUndefined()
  }
})

test('refuses a reader everything that is no SELECT', () => {
  for (const sql of [
    'INSERT INTO t VALUES (1)',
    'KILL QUERY WHERE 1',
    'SET max_threads = 9',
    'DROP TABLE t',
    '',
    ' ;',
  ]) {
    expect(refusedToReaders(sql), sql).toBe('readers may only SELECT')
  }
})

test('refuses files by name, whatever stands between the words', () => {
  for (const sql of [
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 into/* a comment */\n outfile '/tmp/x'",
    "SELECT 1 INTO -- '\nOUTFILE 'x'",
    "SELECT file('/etc/passwd')",
    "SELECT File ('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    `SELECT "file"('/etc/passwd')`,
    "SELECT * FROM file('/etc/passwd')",
    "SELECT '\\'', file('/etc/passwd')",
  ]) {
    expect(refusedToReaders(sql), sql).toMatch(/refused/)
  }
})

test('refuses a second statement', () => {
  expect(refusedToReaders('SELECT 1; SELECT 2')).toBe('one statement at a time')
  expect(refusedToReaders("SELECT ';'; DROP TABLE t")).toBe('one statement at a time')
})

test('reads a hostile megabyte in linear time', () => {
  for (const piece of ["'", '/*', '"\\', '`', '-', '#']) {
    const started = performance.now()
    refusedToReaders(`SELECT ${piece.repeat(1_000_000 / piece.length)}`)
    expect(performance.now() - started).toBeLessThan(2_000)
  }
})
