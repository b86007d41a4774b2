// Pieces of snapshots come as base64 of gzip. What unpacks to more than anything we wait for is refused.

const UNPACKED_MAX = 2 ** 30

export async function gunzipBase64(piece: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(piece), (c) => c.charCodeAt(0))
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length
    if (length > UNPACKED_MAX) throw new Error('the snapshot is too large')
    chunks.push(next.value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
