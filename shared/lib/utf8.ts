// Text and bytes, without the platform's decoders.

/** Decodes UTF-8; what is not valid becomes U+FFFD. `rest`: the first bytes of a character that is not complete yet. */
export function splitUtf8(bytes: number[]): { text: string; rest: number[] } {
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const first = bytes[at]
    const length =
      first < 0x80
        ? 1
        : first < 0xc2
          ? 0
          : first < 0xe0
            ? 2
            : first < 0xf0
              ? 3
              : first < 0xf5
                ? 4
                : 0
    const following = bytes.slice(at + 1, at + Math.max(length, 1))
    const valid = length > 0 && following.every((byte) => (byte & 0xc0) === 0x80)
    if (valid && at + length > bytes.length) break
    if (!valid) {
      text += '\ufffd'
      at++
      continue
    }
    let code = length === 1 ? first : first & (0x7f >> length)
    for (const byte of following) code = (code << 6) | (byte & 0x3f)
    const overlong =
      (length === 3 && code < 0x800) || (length === 4 && (code < 0x10000 || code > 0x10ffff))
    const surrogate = code >= 0xd800 && code < 0xe000
    text += overlong || surrogate ? '\ufffd' : String.fromCodePoint(code)
    at += length
  }
  return { text, rest: bytes.slice(at) }
}

/** One byte per character. */
export function latin1Bytes(text: string): number[] {
  const bytes: number[] = []
  for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 0xff)
  return bytes
}

/** The UTF-8 of a text. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f))
    else if (code < 0x10000)
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
    else {
      bytes.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 0x3f),
        0x80 | ((code >> 6) & 0x3f),
        0x80 | (code & 0x3f),
      )
    }
  }
  return new Uint8Array(bytes)
}
