import { describe, expect, it } from 'vitest'
import { classroom } from '../../../helpers/shellRoom.ts'

describe('ic', () => {
  it('keeps in the process what was defined', async () => {
    const { asBen } = await classroom()
    expect((await asBen("ic -e 'int x = 5'")).status).toBe(0)
    expect(await asBen("ic -e 'x + 1'")).toEqual({ out: '6\n', err: '', status: 0 })
  })

  it('reads statements from standard input', async () => {
    const { asBen } = await classroom()
    expect((await asBen('ic', 'int x = 2;\nx = x * 21;\n')).out.trim().split('\n').at(-1)).toMatch(
      /42/,
    )
    expect((await asBen("echo '7 * 6' | ic | cat")).out).toBe('42\n')
  })

  it('gives a pointer where malloc puts it', async () => {
    const { asBen } = await classroom()
    expect((await asBen("ic -e 'p = malloc(2000)'")).out).toBe('p = (void *) 0x10002a0\n')
  })

  it('fails on a line that is not understood', async () => {
    const { asBen } = await classroom()
    const { out, status } = await asBen("ic -e 'foo('")
    expect(status).toBe(1)
    expect(out).toMatch(/^error: .*\n.*foo\(\n *\^/)
  })

  it('says by which signal the process has ended, and takes a new one next', async () => {
    const { asBen } = await classroom()
    const { err, status } = await asBen("ic -e '*(char *) 0 = 1'")
    expect([err, status]).toEqual([
      'ic: the process was ended by a signal: Segmentation fault\n',
      1,
    ])
    expect((await asBen("ic -e '1 + 1'")).out).toBe('2\n')
    expect((await asBen("ic -e 'exit(3)'")).err).toBe('ic: the process has exited with status 3\n')
  })

  it('is for processes of one’s own that are at the prompt', async () => {
    const { asBen, room } = await classroom()
    const { pid } = room.prompt(1)
    expect((await asBen(`ic -p ${pid} -e 1`)).err).toBe(`ic: ${pid}: Operation not permitted\n`)
    expect((await asBen('ic -p $$ -e 1')).err).toMatch(/not at a C prompt\n$/)
    expect((await asBen('ic -x')).status).toBe(2)
  })
})
