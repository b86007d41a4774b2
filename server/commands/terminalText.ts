// What may be shown on a person's terminal. Programs and files of the machine are other people's: of their escape
// sequences only colours pass, and what else a terminal would obey is shown instead, as `cat -v` shows it.

const COLOUR = /\x1b\[[0-9;]{0,32}m/.source
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.source

/** They change the order in which text is read. */
const BIDI = /[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.source
const OBEYED = new RegExp(`(${COLOUR})|${CONTROL}|${BIDI}`, 'g')

/** The text without anything that a terminal would obey but colours, tabs and the ends of lines. */
export function forTerminal(text: string): string {
  return text.replace(OBEYED, (found, colour?: string) => colour ?? shown(found.charCodeAt(0)))
}

/** `^[`, `^?`, `M-^[`; `<U+202E>`. */
function shown(code: number): string {
  if (code > 0xff) return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  if (code >= 0x80) return `M-${shown(code - 0x80)}`
  return `^${String.fromCharCode(code ^ 0x40)}`
}

/** Writes to the stream; as it is where no person looks, into a file or a pipe. */
export function writeTo(stream: NodeJS.WriteStream, text: string): void {
  stream.write(stream.isTTY ? forTerminal(text) : text)
}
