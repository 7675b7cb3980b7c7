/** Hands a file to the browser's downloads. The address it makes is of this page and goes when it was used. */
export function saveFile(name: string, content: Uint8Array | string): void {
  const part = typeof content === 'string' ? content : new Uint8Array(content)
  const url = URL.createObjectURL(new Blob([part], { type: 'application/octet-stream' }))
  const link = document.createElement('a')
  link.href = url
  // Names are made of ids; what is left of anything else cannot be a path.
  link.download = name.replaceAll(/[^\w.-]/g, '_')
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
