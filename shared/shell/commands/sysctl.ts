// sysctl (procps 4.0.2): what can be set below /proc/sys, by names with points.

import { EACCES, EPERM, EROFS, strerror } from '../../lib/errno.ts'
import { findProc, listProc, readProc, type ProcNode } from '../../proc/root.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import { failed, machineOf, ok, RECORDING, seatOf, type Call, type Result } from '../world.ts'

const USAGE = `
Usage:
 sysctl [options] [variable[=value] ...]

Options:
  -a, --all            display all variables
  -A                   alias of -a
  -X                   alias of -a
      --deprecated     include deprecated parameters to listing
      --dry-run        Print the key and values but do not write
  -b, --binary         print value without new line
  -e, --ignore         ignore unknown variables errors
  -N, --names          print variable names without values
  -n, --values         print only values of the given variable(s)
  -p, --load[=<file>]  read values from file
  -f                   alias of -p
      --system         read values from all system directories
  -r, --pattern <expression>
                       select setting that match expression
  -q, --quiet          do not echo variable set
  -w, --write          enable writing a value to variable
  -o                   does nothing
  -x                   does nothing
  -d                   alias of -h

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see sysctl(8).
`

const OPTIONS: OptionSpec[] = [
  { name: 'a', long: 'all' },
  { name: 'deprecated', long: 'deprecated' },
  { name: 'dry-run', long: 'dry-run' },
  { name: 'b', long: 'binary' },
  { name: 'e', long: 'ignore' },
  { name: 'N', long: 'names' },
  { name: 'n', long: 'values' },
  { name: 'p', long: 'load', takes: 'optional' },
  { name: 'f', takes: 'optional' },
  { name: 'q', long: 'quiet' },
  { name: 'w', long: 'write' },
  { name: 'system', long: 'system' },
  { name: 'r', long: 'pattern', takes: 'value' },
  { name: 'h', long: 'help' },
  { name: 'V', long: 'version' },
  { name: 'd' },
  { name: 'o' },
  { name: 'x' },
  { name: 'A' },
  { name: 'X' },
]

interface Wish {
  all: boolean
  write: boolean
  ignore: boolean // unknown keys
  names: boolean
  values: boolean
  binary: boolean
  quiet: boolean
  dryRun: boolean
  pattern: RegExp | null
  files: string[] | null // to load; '' stands for the usual one
}

const TRY = "Try `sysctl --help' for more information.\n"
const SYS = '/proc/sys/'
const PRELOAD = '/etc/sysctl.conf'

export async function sysctl(call: Call): Promise<Result> {
  if (call.args.length === 0) return failed(USAGE)
  const wish: Wish = {
    all: false,
    write: false,
    ignore: false,
    names: false,
    values: false,
    binary: false,
    quiet: false,
    dryRun: false,
    pattern: null,
    files: null,
  }
  const { found, operands } = getopt(call.args, OPTIONS)
  for (const option of found) {
    if ('problem' in option)
      return { stdout: USAGE, stderr: `sysctl: ${option.problem}\n`, status: 0 }
    const { name, value } = option
    if (name === 'h' || name === 'd') return ok(USAGE)
    if (name === 'V') return ok('sysctl from procps-ng 4.0.2\n')
    setOption(wish, name, value)
  }
  if (wish.all) return displayAll(call, wish, SYS)
  if (wish.files !== null) {
    const files = operands.length > 0 ? operands : wish.files
    return load(call, wish, files)
  }
  if (operands.length === 0) return failed(`sysctl: no variables specified\n${TRY}`)
  if (wish.names && wish.quiet) return failed(`sysctl: options -N and -q cannot coexist\n${TRY}`)
  const results: Result[] = []
  for (const operand of operands) {
    const writes = wish.write || operand.includes('=')
    results.push(
      writes ? await assign(call, wish, operand, 'command line', 0) : read(call, wish, operand),
    )
  }
  return joined(results)
}

function setOption(wish: Wish, name: string, value: string | null): void {
  if (name === 'a' || name === 'A' || name === 'X') wish.all = true
  else if (name === 'b') wish.binary = wish.values = true
  else if (name === 'n') wish.values = true
  else if (name === 'e') wish.ignore = true
  else if (name === 'N') wish.names = true
  else if (name === 'q') wish.quiet = true
  else if (name === 'w') wish.write = true
  else if (name === 'dry-run') wish.dryRun = true
  else if (name === 'p' || name === 'f') wish.files = [value ?? PRELOAD]
  else if (name === 'system') wish.files = []
  else if (name === 'r') wish.pattern = pattern(value!)
}

/** One that is none matches nothing. */
function pattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    return /(?!)/
  }
}

function joined(results: Result[]): Result {
  return {
    stdout: results.map(({ stdout }) => stdout).join(''),
    stderr: results.map(({ stderr }) => stderr).join(''),
    status: results.some(({ status }) => status !== 0) ? 1 : 0,
  }
}

/** Points and slashes changed for one another, if the first of them is not as it should be. */
function separated(text: string, from: '.' | '/', to: '.' | '/'): string {
  const first = /[./]/.exec(text)
  if (first === null || first[0] === to) return text
  return text.replace(/[./]/g, (character) => (character === from ? to : from))
}

function pathOf(name: string): string {
  return SYS + separated(name, '.', '/')
}

function keyOf(path: string): string {
  return separated(path.slice(SYS.length), '/', '.')
}

function find(call: Call, path: string): ProcNode | null {
  return findProc(machineOf(call.world), path)
}

function missing(wish: Wish, path: string): Result {
  if (wish.ignore) return ok('')
  return failed(`sysctl: cannot stat ${path}: No such file or directory\n`)
}

function read(call: Call, wish: Wish, name: string): Result {
  if (name === '') return failed('sysctl: "" is an unknown key\n')
  const path = pathOf(name)
  const node = find(call, path)
  if (node === null) return missing(wish, path)
  const repeated = /[./]{2,}.*/.exec(name)
  const warning = repeated && `sysctl: separators should not be repeated: ${repeated[0]}\n`
  const shown =
    node.kind === 'dir' ? displayAll(call, wish, `${path}/`) : readFile(call, wish, path, node)
  return { ...shown, stderr: (warning ?? '') + shown.stderr }
}

function readFile(call: Call, wish: Wish, path: string, node: ProcNode): Result {
  const key = keyOf(path)
  if ((node.mode & 0o400) === 0) return ok('')
  if (wish.pattern !== null && !wish.pattern.test(key)) return ok('')
  if (wish.names) return ok(`${key}\n`)
  const shown = readProc(machineOf(call.world), path, seatOf(call.world).uid)
  if ('errno' in shown) return failed(`sysctl: permission denied on key '${key}'\n`)
  if (shown.text === '') return ok('')
  if (!wish.values) return ok(`${key} = ${shown.text}`)
  return ok(wish.binary ? shown.text.trimEnd() : shown.text)
}

function displayAll(call: Call, wish: Wish, path: string): Result {
  const listed = listProc(machineOf(call.world), path, seatOf(call.world).uid)
  const names = 'names' in listed ? listed.names : []
  return joined(
    names.map((name) => {
      const below = path + name
      const node = find(call, below)!
      return node.kind === 'dir'
        ? displayAll(call, wish, `${below}/`)
        : readFile(call, wish, below, node)
    }),
  )
}

/** `key = value`; with a dash before it errors do not count. */
async function assign(
  call: Call,
  wish: Wish,
  text: string,
  where: string,
  lineNumber: number,
): Promise<Result> {
  const setting = text.trimStart()
  if (setting.length < 2) return failed('')
  const equals = setting.indexOf('=')
  if (equals < 0) return failed(`sysctl: ${where}(${lineNumber}): invalid syntax, continuing...\n`)
  const lenient = setting.startsWith('-')
  const name = setting.slice(lenient ? 1 : 0, equals).trimEnd()
  const value = setting.slice(equals + 1).trim()
  return write(call, wish, pathOf(name), value, lenient)
}

async function write(
  call: Call,
  wish: Wish,
  path: string,
  value: string,
  lenient: boolean,
): Promise<Result> {
  const node = find(call, path)
  const key = keyOf(path)
  if (node === null) return missing(wish, path)
  if ((node.mode & 0o200) === 0 || node.kind !== 'file')
    return { stdout: '', stderr: `sysctl: setting key "${key}": Invalid argument\n`, status: 0 }
  if (wish.dryRun) return ok(echo(wish, key, value))
  if (call.world.port.readOnly) return failed(`sysctl: ${RECORDING}\n`)
  const entry = { t: 'write', path, text: `${value}\n`, append: false } as const
  const { errno = 0 } = await call.world.port.submit(entry)
  const ignoring = lenient ? ', ignoring' : ''
  if ([EPERM, EROFS, EACCES].includes(Math.abs(errno))) {
    const stderr = `sysctl: permission denied on key "${key}"${ignoring}\n`
    return { stdout: '', stderr, status: lenient ? 0 : 1 }
  }
  if (errno !== 0)
    return failed(`sysctl: setting key "${key}"${ignoring}: ${strerror(Math.abs(errno))}\n`)
  return ok(wish.quiet ? '' : echo(wish, key, value))
}

function echo(wish: Wish, key: string, value: string): string {
  if (wish.names) return `${value}\n`
  if (!wish.values) return `${key} = ${value}\n`
  return wish.binary ? value : `${value}\n`
}

/** Settings from files, a line each; # and ; begin comments. */
async function load(call: Call, wish: Wish, files: string[]): Promise<Result> {
  const results: Result[] = []
  for (const file of files) {
    const path = call.world.fs.resolvePath(call.cwd, file)
    if (!(await call.world.fs.exists(path))) {
      results.push(failed(`sysctl: cannot open "${file}": No such file or directory\n`))
      continue
    }
    const lines = (await call.world.fs.readFile(path)).split('\n')
    for (const [i, line] of lines.entries()) {
      if (line.trim() === '' || /^\s*[#;]/.test(line)) continue
      results.push(await assign(call, wish, line, file, i + 1))
    }
  }
  return joined(results)
}
