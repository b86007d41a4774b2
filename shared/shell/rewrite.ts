// A script rewritten so that its output appears while it runs. just-bash hands output over at the end; a redirection
// to a file of ours hands it over after each command.
//
//   echo a | sort; hog 1M > f        echo a 2>>ERR | sort 1>>OUT 2>>ERR
//                                    { __open f && hog 1M 1>>OUT 2>>ERR > f; __wchk hog; }
//
// Standard output is the terminal at the top, in the last stage of a pipeline and in the bodies of compound commands
// that are not redirected; not in $(…) and not in functions, whose callers decide. Standard error likewise, but in
// every stage. A program that writes to the terminal is told so (TTY_MARK) and need not wait for its end.

import type {
  CommandNode,
  PipelineNode,
  ScriptNode,
  SimpleCommandNode,
  StatementNode,
  WordNode,
} from 'just-bash'
import { TERMINAL_ERR, TERMINAL_OUT } from './fs.ts'

/** Set in the environment of a program whose standard output is the terminal. */
export const TTY_MARK = '__TTY'

/** The same for standard error. */
export const TTY2_MARK = '__TTY2'

/** Set in the environment of a command for which bash would have forked: in a subshell, a pipeline, $(…). */
export const FORK_MARK = '__FORK'

/** The variable that stands for `$!`. */
export const LAST_BACKGROUND = '__BGPID'

export interface RewriteOptions {
  /** Names of the machine's programs: they write while they run, and can run in the background. */
  programs: ReadonlySet<string>
  /** Names of our commands that write while they run. */
  streams: ReadonlySet<string>
  /** Whether the path names a built-in program of the machine. */
  isProgram: (path: string) => boolean
}

interface Where extends RewriteOptions {
  tty: boolean // standard output is the terminal
  tty2: boolean // standard error is
  forked: boolean // bash would have forked
}

type Redirection = SimpleCommandNode['redirections'][number]

// Shell builtins that must stay as they are: they change the shell itself or leave the place they stand in.
const UNTOUCHED = new Set([
  ':',
  'break',
  'continue',
  'declare',
  'exec',
  'exit',
  'export',
  'local',
  'readonly',
  'return',
  'set',
  'shift',
  'trap',
  'typeset',
  'unset',
])

/** Changes the script in place. */
export function rewrite(script: ScriptNode, options: RewriteOptions): void {
  rewriteStatements(script.statements, { ...options, tty: true, tty2: true, forked: false })
}

function rewriteStatements(statements: StatementNode[], where: Where): void {
  for (const statement of statements) {
    if (statement.background && startInBackground(statement, where)) continue
    for (const pipeline of statement.pipelines) rewritePipeline(pipeline, where)
  }
}

function rewritePipeline(pipeline: PipelineNode, where: Where): void {
  const last = pipeline.commands.length - 1
  pipeline.commands = pipeline.commands.map((command, i) =>
    rewriteCommand(command, {
      ...where,
      tty: where.tty && i === last,
      forked: where.forked || last > 0,
    }),
  )
}

function rewriteCommand(command: CommandNode, where: Where): CommandNode {
  if (command.type === 'FunctionDef') return command
  if (command.type === 'SimpleCommand') rewriteSimple(command, where)
  else rewriteCompound(command, where)
  return guarded(command, where)
}

function rewriteSimple(command: SimpleCommandNode, where: Where): void {
  rewriteSubstitutions([command.args, command.assignments], { ...where, tty: false, forked: true })
  const name = literal(command.name)
  if (command.name === null || (name !== null && UNTOUCHED.has(name))) return
  if (name === 'wait') command.name = word('__wait')
  if (name !== null && /^(\/usr)?\/bin\/kill$/.test(name)) {
    command.args.unshift(command.name)
    command.name = word('__kill')
  }
  const own = command.redirections
  if (name === 'ulimit' && where.forked) command.assignments.push(assignment(FORK_MARK, '1'))
  const streams = name !== null && where.streams.has(name)
  if (
    (isProgram(command, where) || streams) &&
    where.tty &&
    !own.some((redirection) => redirects(redirection, 1))
  ) {
    command.assignments.push(assignment(TTY_MARK, '1'))
  }
  if (streams && where.tty2 && !own.some((redirection) => redirects(redirection, 2)))
    command.assignments.push(assignment(TTY2_MARK, '1'))
  command.redirections = [...terminalRedirections(command.line ?? 1, where), ...own]
}

/** A program named by its path runs under the name that waits for it; bash would read the file as a script. */
function isProgram(command: SimpleCommandNode, where: Where): boolean {
  const name = literal(command.name)
  if (name === null) return false
  if (where.programs.has(name)) return true
  if (!name.includes('/') || !where.isProgram(name)) return false
  command.args.unshift(command.name!)
  command.name = word('__exec')
  return true
}

function rewriteCompound(command: Exclude<CommandNode, SimpleCommandNode>, where: Where): void {
  if (command.type === 'FunctionDef') return
  const inside: Where = {
    ...where,
    tty: where.tty && !command.redirections.some((redirection) => redirects(redirection, 1)),
    tty2: where.tty2 && !command.redirections.some((redirection) => redirects(redirection, 2)),
    forked: where.forked || command.type === 'Subshell',
  }
  switch (command.type) {
    case 'If':
      for (const { condition, body } of command.clauses) {
        rewriteStatements(condition, inside)
        rewriteStatements(body, inside)
      }
      if (command.elseBody !== null) rewriteStatements(command.elseBody, inside)
      break
    case 'For':
      rewriteSubstitutions(command.words, { ...inside, tty: false, forked: true })
      rewriteStatements(command.body, inside)
      break
    case 'CStyleFor':
    case 'Subshell':
    case 'Group':
      rewriteStatements(command.body, inside)
      break
    case 'While':
    case 'Until':
      rewriteStatements(command.condition, inside)
      rewriteStatements(command.body, inside)
      break
    case 'Case':
      rewriteSubstitutions(command.word, { ...inside, tty: false, forked: true })
      for (const { body } of command.items) rewriteStatements(body, inside)
      break
    case 'ArithmeticCommand':
    case 'ConditionalCommand':
      break
  }
}

/** Errors inside $(…) go to the terminal, what it prints does not. `$!` is ours, since we start what runs in the background. */
function rewriteSubstitutions(tree: unknown, where: Where): void {
  if (typeof tree !== 'object' || tree === null) return
  const node = tree as { type?: unknown; body?: ScriptNode; parameter?: unknown }
  if (node.type === 'CommandSubstitution') {
    rewriteStatements(node.body!.statements, where)
    return
  }
  if (node.type === 'ParameterExpansion' && node.parameter === '!') node.parameter = LAST_BACKGROUND
  for (const value of Object.values(tree)) rewriteSubstitutions(value, where)
}

/** `{ __open FILE && COMMAND; __wchk NAME; }`: says at once that a file can't be opened, and after it that a write failed. */
function guarded(command: CommandNode, where: Where): CommandNode {
  if (command.type === 'FunctionDef') return command
  const files = command.redirections.flatMap(openedFile)
  if (files.length === 0) return command
  const line = command.line ?? command.redirections[0].line ?? 1
  const name = command.type === 'SimpleCommand' ? literal(command.name) : null
  const open = simple('__open', files, line, where)
  const check = simple('__wchk', [word(name ?? '')], line, where)
  return {
    type: 'Group',
    body: [statement([[open], [command]], ['&&']), statement([[check]], [])],
    redirections: [],
    line,
  }
}

/** The word that names the file, if the redirection opens one for writing and saying it twice does no harm. */
function openedFile({ operator, target }: Redirection): WordNode[] {
  if (!['>', '>>', '>|', '&>', '&>>'].includes(operator) || target.type === 'HereDoc') return []
  const name = literal(target)
  if (name !== null) {
    return name.startsWith('/dev/') ? [] : [target]
  }
  return plain(target.parts) ? [target] : []
}

/** Only text, quotes and plain variables. */
function plain(parts: WordNode['parts']): boolean {
  return parts.every((part) => {
    switch (part.type) {
      case 'Literal':
      case 'SingleQuoted':
      case 'Escaped':
      case 'TildeExpansion':
        return true
      case 'DoubleQuoted':
        return plain(part.parts)
      case 'ParameterExpansion':
        return part.operation === null
      default:
        return false
    }
  })
}

/** They run another command, which may be a program. */
const PREFIXES = new Set(['nice', 'choom'])

/** `PROGRAM … &` starts it and goes on. Anything else in the background runs in the foreground. */
function startInBackground({ pipelines }: StatementNode, where: Where): boolean {
  const command = pipelines.length === 1 ? pipelines[0].commands[0] : null
  if (command?.type !== 'SimpleCommand' || pipelines[0].commands.length > 1) return false
  const name = literal(command.name)
  if (name === null) return false
  if (!PREFIXES.has(name) && !where.programs.has(name) && !isProgram(command, where)) return false
  if (literal(command.name) !== '__exec') command.args.unshift(command.name!)
  command.name = word('__bg')
  const own = command.redirections
  if (where.tty && !own.some((redirection) => redirects(redirection, 1))) {
    command.assignments.push(assignment(TTY_MARK, '1'))
  }
  command.redirections = [...terminalRedirections(command.line ?? 1, where), ...own]
  return true
}

/** Whether the redirection takes standard output (1) or standard error (2) elsewhere. */
function redirects({ operator, fd, target }: Redirection, which: 1 | 2): boolean {
  if (operator === '&>' || operator === '&>>') return true
  if (!['>', '>>', '>|', '>&'].includes(operator)) return false
  const bothTo = operator === '>&' && fd === null && !/^[\d-]+$/.test(literal(target) ?? '')
  return bothTo || (fd ?? 1) === which
}

function terminalRedirections(line: number, { tty, tty2 }: Where): Redirection[] {
  const redirections: Redirection[] = []
  if (tty) redirections.push(redirection(1, TERMINAL_OUT))
  if (tty2) redirections.push(redirection(2, TERMINAL_ERR + line))
  return redirections
}

/** The text of a word that needs no expansion, else null. */
function literal(node: WordNode | Redirection['target'] | null): string | null {
  if (node === null || node.type === 'HereDoc') return null
  let text = ''
  for (const part of node.parts) {
    if (part.type !== 'Literal' && part.type !== 'SingleQuoted' && part.type !== 'Escaped')
      return null
    text += part.value
  }
  return text
}

function word(text: string): WordNode {
  return { type: 'Word', parts: [{ type: 'Literal', value: text }] }
}

function assignment(name: string, value: string): SimpleCommandNode['assignments'][number] {
  return { type: 'Assignment', name, value: word(value), append: false, array: null }
}

function redirection(fd: number, path: string): Redirection {
  return { type: 'Redirection', fd, operator: '>>', target: word(path) }
}

function simple(name: string, args: WordNode[], line: number, where: Where): SimpleCommandNode {
  const redirections = terminalRedirections(line, where)
  return { type: 'SimpleCommand', assignments: [], name: word(name), args, redirections, line }
}

function statement(
  pipelines: CommandNode[][],
  operators: StatementNode['operators'],
): StatementNode {
  return {
    type: 'Statement',
    pipelines: pipelines.map((commands) => ({ type: 'Pipeline', commands, negated: false })),
    operators,
    background: false,
  }
}
