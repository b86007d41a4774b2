import { flushPromises } from '@vue/test-utils'
import { afterEach, expect, it, vi } from 'vitest'
import { router } from '../../../client/router.ts'
import { useSeats } from '../../../client/stores/seats.ts'
import HomeView from '../../../client/views/HomeView.vue'
import { mkFeed, show } from './stage.ts'

vi.mock('../../../client/panels/SampleMap.vue', () => ({ default: { template: '<i />' } }))
afterEach(() => vi.unstubAllGlobals())

/** The form, and what it sends to a server that answers so. */
function open(reply: object) {
  const sent: unknown[] = []
  vi.stubGlobal('fetch', (_path: string, { body }: { body: string }) => {
    sent.push(JSON.parse(body))
    return Promise.resolve({ ok: false, status: 400, json: () => Promise.resolve(reply) })
  })
  const page = show(HomeView, {}, mkFeed().feed, [router])
  const create = async () => {
    await page.get('[data-testid=home-create]').trigger('submit')
    await flushPromises()
  }
  return { page, sent, create }
}

it('the machine is made as the form says', async () => {
  const { page, sent, create } = open({ why: 'busy' })
  await page.get('[data-testid=home-create-swap]').setValue('128')
  await page.get('[data-testid=home-create-kernel]').setValue('2.6.32')
  await page.get('[data-testid=home-create-glibc]').setValue('2.13')
  await page.get('[data-testid=home-create-overcommit]').setValue('2')
  await page.get('[data-testid=home-create-swappiness]').setValue('10')
  expect(page.text()).toContain('children too')
  await create()
  expect(sent).toEqual([
    {
      ram: '64M',
      pageSize: 4096,
      bits: 64,
      kernel: '2.6.32',
      glibc: '2.13',
      swap: '128M',
      overcommit: 2,
      swappiness: 10,
      hostname: 'oomroom',
      lobby: false,
    },
  ])
  expect(page.get('[role=alert]').text()).toContain('Too many tries')
})

it('what the server finds wrong stands at the field, unfolded', async () => {
  const { page, create } = open({ why: 'options', detail: '--swappiness: from 0 to 200' })
  await create()
  const field = page.get('[data-testid=home-create-swappiness]')
  expect(field.attributes('aria-invalid')).toBe('true')
  const hint = page.get(`[id="${field.attributes('aria-describedby')}"]`)
  expect(hint.text()).toContain('from 0 to 200')
  expect(page.get('details').attributes('open')).toBeDefined()
  expect(page.get('[data-testid=home-create-ram]').attributes('aria-invalid')).toBe('false')
})

it('the teacher’s key is shown to the server as a key: that of a link is no token', async () => {
  const { page } = open({})
  const key = 'a'.repeat(32)
  await page.get('[data-testid=home-join-code]').setValue('123456')
  await page.get('[data-testid=home-join-name]').setValue('Grace')
  await page.get('form input[type=checkbox]').setValue(true)
  await page.get('[data-testid=home-join-key]').setValue(key)
  await page.get('form').trigger('submit')
  const seat = useSeats().find('123456')!
  expect(seat).toMatchObject({ key, name: 'Grace', role: 'teacher' })
  expect(seat.token).toMatch(/^[0-9a-f]{32}$/)
  expect(seat.token).not.toBe(key)
})
