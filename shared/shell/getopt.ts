// Options of commands, as glibc's getopt_long(3) takes them apart and words what is wrong with them.

export interface OptionSpec {
  /** What the command calls it: the letter, or the long name of one without a letter. */
  name: string
  long?: string
  takes?: 'value' | 'optional'
}

/** In the order in which they were written; a command that stops at one has not seen those behind it. */
export type Found = { name: string; value: string | null } | { problem: string }

export interface Options {
  found: Found[]
  operands: string[]
}

/** `inOrder`: the first word that is no option ends them, as a command line behind a command needs it. */
export function getopt(args: string[], specs: OptionSpec[], inOrder = false): Options {
  const found: Found[] = []
  const operands: string[] = []
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') return { found, operands: [...operands, ...rest] }
    if (arg.startsWith('--')) found.push(longOption(arg.slice(2), specs, rest))
    else if (arg.startsWith('-') && arg.length > 1) shortOptions(arg.slice(1), specs, rest, found)
    else if (inOrder) return { found, operands: [...operands, arg, ...rest] }
    else operands.push(arg)
  }
  return { found, operands }
}

function shortOptions(letters: string, specs: OptionSpec[], rest: string[], found: Found[]): void {
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]
    const spec = specs.find(({ name }) => name === letter)
    if (spec === undefined) {
      found.push({ problem: `invalid option -- '${letter}'` })
    } else if (spec.takes === undefined) {
      found.push({ name: letter, value: null })
    } else {
      const inWord = letters.slice(i + 1)
      if (inWord !== '') found.push({ name: letter, value: inWord })
      else if (spec.takes === 'optional') found.push({ name: letter, value: null })
      else {
        const value = rest.shift()
        if (value === undefined)
          found.push({ problem: `option requires an argument -- '${letter}'` })
        else found.push({ name: letter, value })
      }
      return
    }
  }
}

function longOption(text: string, specs: OptionSpec[], rest: string[]): Found {
  const equals = text.indexOf('=')
  const typed = equals < 0 ? text : text.slice(0, equals)
  const named = specs.filter(({ long }) => long !== undefined && long.startsWith(typed))
  const exact = named.find(({ long }) => long === typed)
  const [spec = exact] = exact === undefined ? named : [exact]
  if (spec === undefined) return { problem: `unrecognized option '--${typed}'` }
  if (exact === undefined && named.length > 1) {
    const possible = named.map(({ long }) => `'--${long}'`).join(' ')
    return { problem: `option '--${typed}' is ambiguous; possibilities: ${possible}` }
  }
  if (equals >= 0) {
    if (spec.takes === undefined)
      return { problem: `option '--${spec.long}' doesn't allow an argument` }
    return { name: spec.name, value: text.slice(equals + 1) }
  }
  if (spec.takes !== 'value') return { name: spec.name, value: null }
  const value = rest.shift()
  return value === undefined
    ? { problem: `option '--${spec.long}' requires an argument` }
    : { name: spec.name, value }
}
