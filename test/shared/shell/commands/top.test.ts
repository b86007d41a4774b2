import { expect, it } from 'vitest'
import { classroom } from '../../../helpers/shellRoom.ts'

it('top -u shows the tasks of one, and counts those of all; -H counts threads', async () => {
  const { asBen } = await classroom()
  const all = (await asBen('top -b -n1')).out.split('\n')
  const bens = (await asBen('top -b -n1 -u ben')).out.split('\n')
  const nobodys = (await asBen('top -b -n1 -u nobody')).out.trimEnd().split('\n')
  expect(bens[1]).toBe(all[1])
  expect(nobodys[1]).toBe(all[1])
  expect(bens[7]).toMatch(/^ +\d+ ben /)
  expect(bens.length).toBeLessThan(all.length)
  expect(nobodys).toHaveLength(7)
  const threads = (await asBen('top -b -n1 -H')).out.split('\n')
  expect(threads[1]).toBe(all[1].replace('Tasks', 'Threads'))
})
