// The machine's files as just-bash sees a file system: reading is looking at the replica, writing is a command.
//
//   /proc              proc/root.ts
//   /sys/kernel/tracing tracefs.ts
//   /dev/tty           the terminal; TERMINAL_OUT and TERMINAL_ERR are where the rewritten script sends its output
//   /dev/fd            kept here: just-bash puts <(…) there
//   everything else    the machine's tree
//
// just-bash takes a failed write badly (the whole script ends) and calls every failed read "No such file or directory".
// So writes never fail here: the error number is kept until __wchk asks for it, and read errors are kept by path, for
// fixErrors() to put the right words in.

import type { IFileSystem } from 'just-bash'
import {
  EACCES,
  EFBIG,
  EISDIR,
  ENOENT,
  ENOTDIR,
  EPERM,
  EROFS,
  errnoName,
  strerror,
} from '../lib/errno.ts'
import { peekFile } from '../fs/file.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import {
  isDir,
  MAY_EXEC,
  MAY_READ,
  MAY_WRITE,
  namei,
  normalizePath,
  permission,
} from '../fs/tree.ts'
import { findProc, listProc, mayOpen, readProc } from '../proc/root.ts'
import { procSyslog } from '../proc/syslog.ts'
import type { Command } from '../room/entry.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import type { MachinePort } from './port.ts'
import { byteString, decodeUtf8 } from './text.ts'
import { TraceFs } from './tracefs.ts'

export const TERMINAL_OUT = '/dev/.out'
/** Followed by the line of the script. */
export const TERMINAL_ERR = '/dev/.err/'

type Content = Parameters<IFileSystem['writeFile']>[1]
type Encoding = Parameters<IFileSystem['writeFile']>[2]
type Stat = Awaited<ReturnType<IFileSystem['stat']>>
type When = Stat['mtime']
type Dirent = { name: string; isFile: boolean; isDirectory: boolean; isSymbolicLink: boolean }

export interface FsOptions {
  port: MachinePort
  uid: () => number
  pid: () => number // of the login shell, for /proc/self
  commands: () => ReadonlySet<string> // they look like files in /usr/bin
  when: (ms: number) => When
  stdout: (text: string) => void
  stderr: (text: string, line: number) => void
}

// The longest text one command carries; longer files are written in pieces.
const PIECE = 16384
/** The longest file that is read as a whole; one with holes may be far longer than all memory. */
const READ_MAX = 64 << 20

export class MachineFs implements IFileSystem {
  private readonly options: FsOptions
  private readonly scratch = new Map<string, string>() // below /dev/fd
  private readonly readErrors = new Map<string, number>()
  private writeError = 0
  private truncated: string | null = null // opened for writing, nothing written yet
  private readonly tracing: TraceFs

  constructor(options: FsOptions) {
    this.options = options
    this.tracing = new TraceFs(options.port, options.uid)
  }

  private get machine(): Machine {
    return this.options.port.room().machine
  }

  private get uid(): number {
    return this.options.uid()
  }

  private get cred(): { uid: number; gid: number } {
    return { uid: this.uid, gid: this.uid }
  }

  async readFile(path: string): Promise<string> {
    await this.flush(path)
    const launcher = this.launcher(normalizePath(path, '/'))
    return launcher ?? decodeUtf8(byteString(this.read(path)))
  }

  async readFileBytes(path: string): Promise<never> {
    await this.flush(path)
    return byteString(this.read(path)) as never
  }

  async readFileBuffer(path: string): Promise<Uint8Array> {
    await this.flush(path)
    return this.read(path)
  }

  async writeFile(path: string, content: Content, encoding?: Encoding): Promise<void> {
    await this.write(normalizePath(path, '/'), textOf(content, encoding), false)
  }

  async appendFile(path: string, content: Content, encoding?: Encoding): Promise<void> {
    await this.write(normalizePath(path, '/'), textOf(content, encoding), true)
  }

  async exists(path: string): Promise<boolean> {
    await this.flush(path)
    return this.find(normalizePath(path, '/')) !== null
  }

  async stat(path: string): Promise<Stat> {
    await this.flush(path)
    const full = this.follow(normalizePath(path, '/'))
    return this.find(full) ?? this.refuse(ENOENT, 'stat', path)
  }

  async lstat(path: string): Promise<Stat> {
    await this.flush(path)
    return this.find(normalizePath(path, '/')) ?? this.refuse(ENOENT, 'lstat', path)
  }

  async mkdir(path: string, options?: { recursive?: boolean }): Promise<void> {
    const full = normalizePath(path, '/')
    if (options?.recursive) {
      const parts = full.split('/').slice(1)
      for (let i = 1; i < parts.length; i++) {
        const above = '/' + parts.slice(0, i).join('/')
        if (this.find(above) === null) await this.change({ t: 'mkdir', path: above, mode: 0o755 })
      }
      if (this.find(full) !== null) return
    }
    await this.change({ t: 'mkdir', path: full, mode: 0o755 })
  }

  async readdir(path: string): Promise<string[]> {
    return (await this.readdirWithFileTypes(path)).map(({ name }) => name)
  }

  async readdirWithFileTypes(path: string): Promise<Dirent[]> {
    await this.flush(path)
    const full = this.follow(normalizePath(path, '/'))
    return this.names(full).map((name) => {
      const found = this.find(full === '/' ? `/${name}` : `${full}/${name}`)
      const { isFile, isDirectory, isSymbolicLink } = found ?? plainFile
      return { name, isFile, isDirectory, isSymbolicLink }
    })
  }

  async rm(path: string, options?: { recursive?: boolean; force?: boolean }): Promise<void> {
    await this.flush()
    const full = normalizePath(path, '/')
    if (this.scratch.delete(full)) return
    const found = this.find(full)
    if (found === null) {
      if (options?.force) return
      this.refuse(ENOENT, 'rm', path)
    }
    if (found.isDirectory && options?.recursive) {
      for (const name of this.names(full)) await this.rm(`${full}/${name}`, options)
    }
    await this.change({ t: 'unlink', path: full })
  }

  async cp(source: string, target: string, options?: { recursive?: boolean }): Promise<void> {
    const from = await this.stat(source)
    if (!from.isDirectory) {
      await this.writeFile(target, this.read(source))
      return
    }
    if (!options?.recursive) this.refuse(EISDIR, 'cp', source)
    await this.mkdir(target, { recursive: true })
    for (const name of await this.readdir(source)) {
      await this.cp(`${source}/${name}`, `${target}/${name}`, options)
    }
  }

  async mv(source: string, target: string): Promise<void> {
    await this.cp(source, target, { recursive: true })
    await this.rm(source, { recursive: true })
  }

  resolvePath(base: string, path: string): string {
    return normalizePath(path, base)
  }

  getAllPaths(): string[] {
    return []
  }

  async chmod(path: string): Promise<void> {
    await this.stat(path)
  }

  symlink(_target: string, path: string): Promise<void> {
    return Promise.reject(fsError(EPERM, 'symlink', path))
  }

  link(_source: string, path: string): Promise<void> {
    return Promise.reject(fsError(EPERM, 'link', path))
  }

  readlink(path: string): Promise<string> {
    const node = findProc(this.machine, normalizePath(path, '/'), this.options.pid())
    if (node?.kind === 'link') return Promise.resolve(node.target)
    return Promise.reject(new Error(`EINVAL: invalid argument, readlink '${path}'`))
  }

  async realpath(path: string): Promise<string> {
    await this.stat(path)
    return this.follow(normalizePath(path, '/'))
  }

  async utimes(path: string): Promise<void> {
    await this.stat(path)
  }

  /** Whether the user may open the file for writing, and that it is none of those one cannot write: 0 or an errno. */
  openError(path: string): number {
    const full = this.follow(normalizePath(path, '/'))
    if (isTerminal(full) || full.startsWith('/dev/fd/')) return 0
    if (this.tracing.holds(full)) return this.tracingOpenError(full)
    if (isProc(full)) {
      const node = findProc(this.machine, full, this.options.pid())
      if (node === null) return ENOENT
      if (node.kind === 'dir') return EISDIR
      return mayOpen(node, this.uid, 2) ? this.readOnlyError() : EACCES
    }
    const inode = namei(this.machine, full)
    if (inode !== null) {
      if (isDir(inode)) return EISDIR
      return permission(inode, this.cred, MAY_WRITE) ? this.readOnlyError(inode) : EACCES
    }
    const parent = namei(this.machine, full.slice(0, full.lastIndexOf('/')))
    if (parent === null) return ENOENT
    if (!isDir(parent)) return ENOTDIR
    return permission(parent, this.cred, MAY_WRITE | MAY_EXEC) ? this.readOnlyError() : EACCES
  }

  private tracingOpenError(full: string): number {
    if (this.uid !== 0) return EACCES
    const node = this.tracing.find(full)
    return node === null ? ENOENT : node.kind === 'dir' ? EISDIR : 0
  }

  /** The errno of a write that failed since the last call, 0 if none did. */
  async takeWriteError(): Promise<number> {
    await this.flush()
    const errno = this.writeError
    this.writeError = 0
    return errno
  }

  /** The path of a built-in program, null for other files. */
  imagePath(path: string): string | null {
    const full = normalizePath(path, '/')
    const inode = namei(this.machine, full)
    return inode !== null && inode.image !== '' && (inode.mode & 0o111) !== 0 ? full : null
  }

  /** Puts what really was wrong where just-bash has written that a file does not exist. */
  fixErrors(text: string, cwd: string): string {
    if (this.readErrors.size === 0 || !text.includes('No such file or directory')) return text
    return text.replace(
      /^(.*?: (?:cannot (?:open|access) )?'?)([^':\n]+)('?(?: for reading)?): No such file or directory$/gm,
      (line: string, head: string, path: string, tail: string) => {
        const errno = this.readErrors.get(normalizePath(path.trim(), cwd))
        return errno === undefined ? line : `${head}${path}${tail}: ${strerror(errno)}`
      },
    )
  }

  /** A new script: the errors of the last one are nobody's any more. */
  forgetErrors(): void {
    this.readErrors.clear()
    this.writeError = 0
  }

  private readOnlyError(inode?: Inode): number {
    if (inode?.backing === 'null' || inode?.backing === 'zero') return 0
    return this.options.port.readOnly ? EROFS : 0
  }

  /** The text that just-bash runs for a program of the machine. */
  private launcher(full: string): string | null {
    const name = full.slice(full.lastIndexOf('/') + 1)
    if (name === 'bash' || name === 'sh' || name === 'ic') {
      return this.imagePath(full) === null ? null : `${name} "$@"\n`
    }
    return this.imagePath(full) === null ? null : `__exec '${full}' "$@"\n`
  }

  private read(path: string): Uint8Array {
    const full = normalizePath(path, '/')
    if (isTerminal(full)) return new Uint8Array()
    const local = this.scratch.get(full)
    if (local !== undefined) return encodeUtf8(local)
    if (isProc(full)) {
      const shown = readProc(this.machine, full, this.uid, this.options.pid())
      return 'text' in shown ? encodeUtf8(shown.text) : this.refuse(shown.errno, 'open', path)
    }
    if (this.tracing.holds(full)) {
      const shown = this.tracing.read(full)
      return 'text' in shown ? encodeUtf8(shown.text) : this.refuse(shown.errno, 'open', path)
    }
    if (full === SYSLOG) return encodeUtf8(procSyslog(this.machine))
    const inode = namei(this.machine, full)
    if (inode === null) return this.refuse(ENOENT, 'open', path)
    if (isDir(inode)) return this.refuse(EISDIR, 'read', path)
    if (!permission(inode, this.cred, MAY_READ)) return this.refuse(EACCES, 'open', path)
    if (inode.backing === 'zero') return new Uint8Array(65536)
    if (inode.size > READ_MAX) return this.refuse(EFBIG, 'read', path)
    return peekFile(this.machine, inode)
  }

  private refuse(errno: number, call: string, path: string): never {
    this.readErrors.set(normalizePath(path, '/'), errno)
    throw fsError(errno, call, path)
  }

  /** /proc/self is the only link there is. */
  private follow(full: string): string {
    if (full !== '/proc/self' && !full.startsWith('/proc/self/')) return full
    const pid = this.options.pid()
    return pid === 0 ? full : `/proc/${pid}${full.slice('/proc/self'.length)}`
  }

  private find(full: string): Stat | null {
    const { when } = this.options
    if (isTerminal(full)) return { ...plainFile, mode: 0o620, mtime: when(0) }
    const local = this.scratch.get(full)
    if (local !== undefined) return { ...plainFile, size: local.length, mtime: when(0) }
    if (isProc(full)) return this.findProc(full)
    if (this.tracing.holds(full)) return this.findTracing(full)
    const inode = namei(this.machine, full)
    if (inode === null) {
      return this.isCommandFile(full) ? { ...plainFile, mode: 0o755, mtime: when(0) } : null
    }
    return {
      isFile: !isDir(inode),
      isDirectory: isDir(inode),
      isSymbolicLink: false,
      mode: inode.mode,
      size: inode.size,
      mtime: when(this.machine.bootTime + inode.mtime),
      ino: inode.ino,
    }
  }

  private findProc(full: string): Stat | null {
    const m = this.machine
    const node = findProc(m, full, this.options.pid())
    if (node === null) return null
    return {
      isFile: node.kind === 'file',
      isDirectory: node.kind === 'dir',
      isSymbolicLink: node.kind === 'link',
      mode: node.mode,
      size: 0,
      mtime: this.options.when(m.bootTime),
    }
  }

  private findTracing(full: string): Stat | null {
    const node = this.tracing.find(full)
    if (node === null) return null
    return {
      isFile: node.kind === 'file',
      isDirectory: node.kind === 'dir',
      isSymbolicLink: false,
      mode: node.mode,
      size: 0,
      mtime: this.options.when(this.machine.bootTime),
    }
  }

  private isCommandFile(full: string): boolean {
    const name = /^\/(?:usr\/)?bin\/([^/]+)$/.exec(full)?.[1]
    return name !== undefined && this.options.commands().has(name)
  }

  private names(full: string): string[] {
    if (isProc(full)) {
      const listed = listProc(this.machine, full, this.uid, this.options.pid())
      return 'names' in listed ? listed.names : this.refuse(listed.errno, 'scandir', full)
    }
    if (this.tracing.holds(full)) {
      if (this.uid !== 0) return this.refuse(EACCES, 'scandir', full)
      return this.tracing.list(full) ?? this.refuse(ENOTDIR, 'scandir', full)
    }
    const inode = namei(this.machine, full)
    if (inode === null) return this.refuse(ENOENT, 'scandir', full)
    if (!isDir(inode)) return this.refuse(ENOTDIR, 'scandir', full)
    if (!permission(inode, this.cred, MAY_READ)) return this.refuse(EACCES, 'scandir', full)
    const names = new Set(inode.entries.keys())
    if (full === '/') names.add('proc')
    if (full === '/sys') names.add('kernel')
    if (full === '/usr/bin') {
      for (const name of this.options.commands()) if (!name.startsWith('__')) names.add(name)
    }
    return [...names]
  }

  private async write(full: string, text: string, append: boolean): Promise<void> {
    if (full === TERMINAL_OUT || full === '/dev/tty') return this.options.stdout(text)
    if (full.startsWith(TERMINAL_ERR)) {
      return this.options.stderr(text, Number(full.slice(TERMINAL_ERR.length)))
    }
    if (full.startsWith('/dev/fd/')) {
      this.scratch.set(full, append ? (this.scratch.get(full) ?? '') + text : text)
      return
    }
    if (full === '/dev/null') return
    if (this.tracing.holds(full)) {
      if (text !== '' || !append) this.writeError = this.tracing.write(full, text, append)
      return
    }
    await this.writeMachine(this.follow(full), text, append)
  }

  /** `> file` empties it first and then writes: that is one command, or an empty file if nothing is written. */
  private async writeMachine(full: string, text: string, append: boolean): Promise<void> {
    if (text === '') {
      if (append && this.find(full) !== null) return
      if (this.truncated !== full) await this.flush()
      if (!isProc(full)) this.truncated = full
      return
    }
    const fresh = this.truncated === full
    if (fresh) this.truncated = null
    else await this.flush()
    for (let at = 0; at < text.length; at += PIECE) {
      const piece = text.slice(at, at + PIECE)
      const more = at > 0 || (append && !fresh)
      await this.record({ t: 'write', path: full, text: piece, append: more })
    }
  }

  /** Does what was put off; only if it can be seen from `looking`, when that is given. */
  private async flush(looking?: string): Promise<void> {
    const path = this.truncated
    if (path === null) return
    if (looking !== undefined && !path.startsWith(normalizePath(looking, '/'))) return
    this.truncated = null
    await this.record({ t: 'write', path, text: '', append: false })
  }

  /** Does it and keeps the error. */
  private async record(command: Command): Promise<void> {
    try {
      const { errno } = await this.options.port.submit(command)
      if (errno !== undefined && errno !== 0) this.writeError = Math.abs(errno)
    } catch {
      this.writeError = EROFS
    }
  }

  /** Does it or throws as a file system does. */
  private async change(command: Command & { path: string }): Promise<void> {
    await this.flush()
    if (this.options.port.readOnly) throw fsError(EROFS, command.t, command.path)
    const { errno } = await this.options.port.submit(command)
    if (errno !== undefined && errno !== 0) {
      this.refuse(Math.abs(errno), command.t, command.path)
    }
  }
}

const plainFile = {
  isFile: true,
  isDirectory: false,
  isSymbolicLink: false,
  mode: 0o644,
  size: 0,
}

const SYSLOG = '/var/log/syslog'

function isProc(full: string): boolean {
  return full === '/proc' || full.startsWith('/proc/')
}

function isTerminal(full: string): boolean {
  return full === '/dev/tty' || full === TERMINAL_OUT || full.startsWith(TERMINAL_ERR)
}

function textOf(content: Content, encoding: Encoding): string {
  if (typeof content !== 'string') return decodeUtf8(byteString(content))
  const name = typeof encoding === 'string' ? encoding : encoding?.encoding
  return name === 'binary' || name === 'latin1' ? decodeUtf8(content) : content
}

/** As Node words it: just-bash looks for these names. */
function fsError(errno: number, call: string, path: string): Error {
  return new Error(`${errnoName(errno)}: ${strerror(errno).toLowerCase()}, ${call} '${path}'`)
}
