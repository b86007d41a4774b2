// What no compiler and no linter says: the rules of the house, read from the text.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
// In this order: a folder of shared/ imports itself and those before it.
import house from '../shared/house.json' with { type: 'json' }

const top = fileURLToPath(new URL('..', import.meta.url))

interface Source {
  path: string // from the top of the repository, with /
  text: string
  code: string // text with its comments blanked, line by line
}

const skipped = new Set(['node_modules', 'dist', '.git', 'data'])
const readable = /\.(ts|vue|js|cjs|css|html|json|md|c)$|^\.ci\/run$/

function sources(folder: string, found: Source[] = []): Source[] {
  for (const entry of readdirSync(join(top, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (!skipped.has(entry.name)) sources(path, found)
    } else if (readable.test(path) && entry.name !== 'package-lock.json') {
      const text = readFileSync(join(top, path), 'utf8')
      found.push({ path, text, code: withoutComments(text) })
    }
  }
  return found
}

/** Strings stay: `'//'` in one opens no comment. Line numbers stay, too. */
function withoutComments(text: string): string {
  const token =
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[^]*?\*\/|\/\/[^\n]*/g
  return text.replace(token, (found) =>
    found.startsWith('//') || found.startsWith('/*') ? found.replace(/[^\n]/g, ' ') : found,
  )
}

/** `path:line: text` of every match. */
function hits(files: Source[], pattern: RegExp, part: 'text' | 'code' = 'code'): string[] {
  const found: string[] = []
  for (const file of files) {
    file[part].split('\n').forEach((line, index) => {
      if (pattern.test(line)) found.push(`${file.path}:${index + 1}: ${line.trim()}`)
    })
  }
  return found
}

const all = sources('')
const code = all.filter(({ path }) => /\.(ts|vue)$/.test(path))
const shared = code.filter(({ path }) => path.startsWith('shared/'))
const tests = code.filter(({ path }) => path.startsWith('test/'))
const self = 'test/tidy.test.ts'

describe('shared/ computes the same everywhere', () => {
  it('there is something to look at', () => {
    expect(shared.length).toBeGreaterThan(10)
  })

  it('has no clock and no timers', () => {
    const clock =
      /\bDate\b(?!['"])|\bperformance\.now|\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/
    expect(hits(shared, clock)).toEqual([])
  })

  it('has no chance', () => {
    expect(hits(shared, /Math\.random|\bcrypto\b/)).toEqual([])
  })

  it('uses only the arithmetic on which all engines agree', () => {
    // sqrt is exact by IEEE 754; sin and its kin, exp, log and pow are not, but for powers of two.
    const agreed =
      /Math\.(?!(abs|ceil|clz32|floor|fround|imul|max|min|round|sign|sqrt|trunc|PI|E)\b)\w+/
    expect(hits(shared, agreed)).toEqual([])
    expect(hits(shared, /(?<!\b2) \*\*=? (?!\d+\b)/)).toEqual([])
  })

  it('sorts by an order it names', () => {
    expect(hits(shared, /\.(sort|toSorted)\(\s*\)/)).toEqual([])
  })

  it('knows no language and no country', () => {
    expect(hits(shared, /localeCompare|toLocale\w+|\bIntl\b/)).toEqual([])
  })

  it('asks for nothing that is collected or finalised at some time', () => {
    expect(hits(shared, /\b(WeakRef|FinalizationRegistry|SharedArrayBuffer|Atomics)\b/)).toEqual([])
  })

  it('waits for nothing; only the bash adapter does', () => {
    const sync = shared.filter(({ path }) => !path.startsWith('shared/shell/'))
    expect(hits(sync, /\basync\b|\bawait\b|\bPromise\b/)).toEqual([])
  })
})

describe('imports', () => {
  const imports = (file: Source) =>
    [...file.code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(([, path]) => path)

  it('point up the house', () => {
    const wrong: string[] = []
    for (const file of shared) {
      const here = file.path.split('/')
      if (here.length < 3) continue
      for (const path of imports(file)) {
        const there = /^\.\.\/([^./]+)\//.exec(path)?.[1]
        const ok = there === undefined || house.indexOf(there) <= house.indexOf(here[1])
        if (!ok || /(server|client)\//.test(path)) wrong.push(`${file.path}: ${path}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('name no folder that is not in the house', () => {
    const folders = new Set(shared.map(({ path }) => path.split('/')[1]))
    expect([...folders].filter((folder) => !house.includes(folder))).toEqual([])
  })

  it('from elsewhere in the repository name the file with its extension', () => {
    const wrong = code.flatMap((file) =>
      imports(file)
        .filter(
          (path) => /^(\.|@shared\/)/.test(path) && !/\.(ts|vue|css|json|js)(\?\w+)?$/.test(path),
        )
        .map((path) => `${file.path}: ${path}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('the repository', () => {
  const others = all.filter(({ path }) => path !== self)

  it('holds nothing unfinished', () => {
    expect(hits(others, /\b(TODO|FIXME|XXX|HACK)\b/, 'text')).toEqual([])
  })

  it('leaves no test out', () => {
    expect(
      hits(
        tests.filter(({ path }) => path !== self),
        /\b(it|test|describe)\.(skip|only|todo)\b/,
      ),
    ).toEqual([])
  })

  it('knows no path of one machine', () => {
    expect(hits(others, /(^|[^\w.])(\/work\/|\/home\/\w+\/(?=work)|\/root\/)/, 'text')).toEqual([])
    expect(
      hits(
        others.filter(({ path }) => !path.startsWith('test/')),
        /['"`]\/tmp\/[a-z]/,
      ),
    ).toEqual([])
  })

  it('has a source for every test of shared/', () => {
    const known = new Set(shared.map(({ path }) => path))
    const orphans = tests
      .map(({ path }) => path)
      .filter((path) => /^test\/shared\/.+\.test\.ts$/.test(path))
      .filter((path) => !known.has(path.slice('test/'.length).replace(/\.test\.ts$/, '.ts')))
    expect(orphans).toEqual([])
  })
})

describe('what is installed', () => {
  interface Locked {
    version?: string
    resolved?: string
    engines?: { node?: string }
    optional?: boolean
  }
  const read = (path: string): unknown => JSON.parse(readFileSync(join(top, path), 'utf8'))
  const manifest = read('package.json') as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
    engines: { node: string }
  }
  const lock = read('package-lock.json') as { packages: Record<string, Locked> }

  it('is named by exact versions', () => {
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    )
    expect(loose).toEqual([])
  })

  it('is what the lock file says, which names no registry of somebody', () => {
    for (const [name, version] of Object.entries({
      ...manifest.dependencies,
      ...manifest.devDependencies,
    })) {
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version)
    }
    const elsewhere = Object.values(lock.packages)
      .map(({ resolved }) => resolved)
      .filter((url) => url !== undefined && !url.startsWith('https://registry.npmjs.org/'))
    expect(elsewhere).toEqual([])
  })

  it('runs on the oldest Node that package.json accepts', () => {
    const oldest = /^>=(\d+)\.(\d+)$/.exec(manifest.engines.node)!.slice(1).map(Number)
    const newer = Object.entries(lock.packages)
      .filter(([, { engines }]) => engines?.node !== undefined && !accepts(engines.node, oldest))
      .map(([path, { version, engines }]) => `${path} ${version}: ${engines!.node}`)
    expect(newer).toEqual([])
  })

  /** Whether an engines range like `^20.19.0 || >=22.12` takes a Node of this version. */
  function accepts(range: string, [major, minor]: number[]): boolean {
    return range.split('||').some((part) =>
      part
        .replace(/([<>=^~]) +/g, '$1')
        .trim()
        .split(/ +/)
        .every((bound) => {
          const [, sign, x, y] = /^([<>=^~]*)\s*v?(\d+|\*)(?:\.(\d+))?/.exec(bound) ?? []
          if (x === undefined || x === '*') return true
          const difference = major - Number(x) || minor - Number(y ?? 0)
          if (sign.startsWith('<')) return difference < 0 || (sign === '<=' && difference === 0)
          if (sign.startsWith('>')) return difference >= 0
          return major === Number(x) && minor >= Number(y ?? 0)
        }),
    )
  }
})
