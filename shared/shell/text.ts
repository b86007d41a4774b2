// Bytes as just-bash carries them between commands: a string in which each character is one byte.

/** Text of a byte string in UTF-8; bytes that are not UTF-8 stay as they are. */
export function decodeUtf8(bytes: string): string {
  if (!/[\x80-\xff]/.test(bytes)) return bytes
  const escaped = bytes.replace(/[^]/g, (c) => '%' + c.charCodeAt(0).toString(16).padStart(2, '0'))
  try {
    return decodeURIComponent(escaped)
  } catch {
    return bytes
  }
}

/** As procps shows names and command lines: what a terminal would obey is a question mark. */
export function escapeStr(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, '?')
}

/** A byte string of bytes. */
export function byteString(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096))
  }
  return text
}
