import { expect, it } from 'vitest'
import { classroom } from '../../../helpers/shellRoom.ts'

it('pagemap shows each page’s frame and who shares it', async () => {
  const { asBen } = await classroom()
  const { out } = await asBen('pagemap $(pidof -s ic) 0x400000 2')
  const [header, first] = out.split('\n')
  expect(header).toBe('ADDRESS          FRAME KIND  MAPPED FLAGS SHARED WITH')
  expect(first).toMatch(/^0x400000 +[0-9a-f]+ file {7}2 --A {3}\d+$/)
  expect((await asBen('pagemap $(pidof -s ic) 1000')).out).toMatch(/\n0x1000 +- not mapped\n/)
})

it('pagemap is for one’s own processes', async () => {
  const { asBen } = await classroom()
  expect((await asBen('pagemap 1 400000')).err).toBe('pagemap: 1: Permission denied\n')
  expect((await asBen('pagemap 99999 0')).err).toBe('pagemap: 99999: No such process\n')
  expect((await asBen('pagemap 1')).status).toBe(2)
})
