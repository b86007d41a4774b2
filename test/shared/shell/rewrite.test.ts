import { Bash, parse, serialize } from 'just-bash'
import { describe, expect, it } from 'vitest'
import { rewrite } from '../../../shared/shell/rewrite.ts'

/** The rewritten script as text, with short names for where output goes. */
function rewritten(source: string): string {
  const ast = parse(source)
  rewrite(ast, {
    programs: new Set(['hog']),
    streams: new Set(['vmstat']),
    isProgram: (path) => path === './hog',
  })
  return serialize(ast)
    .replace(/ 1>> ?\/dev\/\.out/g, ' 1>>OUT')
    .replace(/ 2>> ?\/dev\/\.err\/(\d+)/g, ' 2>>ERR$1')
    .trim()
}

describe('a script rewritten for the terminal', () => {
  it('writes to the terminal at the end of a pipeline, and all its errors', () => {
    expect(rewritten('echo a')).toBe('echo a 1>>OUT 2>>ERR1')
    expect(rewritten('echo a | sort')).toBe('echo a 2>>ERR1 | sort 1>>OUT 2>>ERR1')
    expect(rewritten('\n\necho a')).toContain('2>>ERR3')
  })

  it('leaves what is inside $(…) to its reader', () => {
    expect(rewritten('echo $(ls)')).toBe('echo $(ls 2>>ERR1) 1>>OUT 2>>ERR1')
    expect(rewritten('x=$(ls)')).toBe('x=$(ls 2>>ERR1)')
  })

  it('leaves functions and what changes the shell as they are', () => {
    expect(rewritten('f() { echo a; }')).not.toContain('OUT')
    expect(rewritten('export A=1; exit 3')).not.toContain('OUT')
  })

  it('asks before a file is opened, and afterwards whether writing went well', () => {
    const text = rewritten('echo a > "$f"')
    expect(text).toContain('__open "$f"')
    expect(text).toMatch(/__wchk echo/)
    expect(text.indexOf('__open')).toBeLessThan(text.indexOf('echo a'))
    expect(rewritten('echo a > /dev/null')).not.toContain('__open')
    expect(rewritten('echo a > $(mktemp)')).not.toContain('__open')
  })

  it('lets a loop show what it prints unless it is redirected', () => {
    expect(rewritten('for i in 1; do echo $i; done')).toContain('echo $i 1>>OUT')
    expect(rewritten('for i in 1; do echo $i; done > f')).not.toContain('echo $i 1>>OUT')
    expect(rewritten('for i in 1; do echo $i; done | cat')).not.toContain('echo $i 1>>OUT')
  })

  it('tells a program that it is at the terminal, and starts one in the background', () => {
    expect(rewritten('hog 1M')).toContain('__TTY=1 hog 1M')
    expect(rewritten('hog 1M | cat')).not.toContain('__TTY')
    expect(rewritten('hog 1M > f')).not.toContain('__TTY')
    expect(rewritten('./hog 1M')).toContain('__exec ./hog 1M')
    expect(rewritten('hog 1M & echo $!')).toMatch(/__bg hog 1M .*\n?.*echo \$\{?__BGPID/)
  })

  it('depends on what just-bash hands to a plugin', async () => {
    const bash = new Bash({ defenseInDepth: false })
    let seen = 0
    bash.registerTransformPlugin({
      name: 'test',
      transform: ({ ast }) => {
        seen = ast.statements.length
        return { ast: parse('echo other') }
      },
    })
    expect((await bash.exec('echo a; echo b')).stdout).toBe('other\n')
    expect(seen).toBe(2)
  })
})
