import { flushPromises } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import type { Me, SeatRow } from '../../../client/feed/protocol.ts'
import PairingDialog from '../../../client/panels/PairingDialog.vue'
import RosterPanel from '../../../client/panels/RosterPanel.vue'
import { mkFeed, show } from './stage.ts'

const seat = (no: number, presence: SeatRow['presence']): SeatRow => ({
  no,
  name: `Seat ${no}`,
  role: 'student',
  user: `seat${no}`,
  tasks: 2,
  active: 0,
  presence,
  promoted: false,
  prompt: 'waiting',
  frames: 300,
})

async function rosterOf(gone: number) {
  const seats = Array.from({ length: 10 + gone }, (_, i) => seat(i + 1, i < 10 ? 'in' : 'removed'))
  const { feed } = mkFeed({ seats, overview: { pageSize: 4096 } })
  const panel = show(RosterPanel, {}, feed)
  await flushPromises()
  return panel
}

describe('who was sent away', () => {
  it('stays in the list while they are few', async () => {
    const panel = await rosterOf(5)
    expect(panel.findAll('tbody tr')).toHaveLength(15)
    expect(panel.find('[data-testid=roster-unfold]').exists()).toBe(false)
    expect(panel.get('[data-testid=roster-count]').text()).toContain('0 of 10 here')
  })

  it('is folded when they are many, and found by name', async () => {
    const panel = await rosterOf(40)
    expect(panel.findAll('tbody tr')).toHaveLength(10)
    const unfold = panel.get('[data-testid=roster-unfold]')
    expect(unfold.text()).toBe('Show 40 who were sent away')
    await unfold.trigger('click')
    expect(panel.findAll('tbody tr')).toHaveLength(50)
    await unfold.trigger('click')
    await panel.get('input[type=search]').setValue('seat 33')
    expect(panel.findAll('tbody tr')).toHaveLength(1)
    expect(panel.get('tbody tr').attributes('data-presence')).toBe('removed')
  })
})

describe('another device', () => {
  const token = '0123456789abcdef0123456789abcdef'
  const dialogFor = async (role: Me['role'], me: boolean) => {
    const { feed } = mkFeed()
    feed.me.value = { seat: 1, role, name: 'Grace', token, acts: true }
    show(PairingDialog, { person: { no: me ? 1 : 2, name: 'Grace', me } }, feed)
    await flushPromises()
    return document.body
  }

  it('of the teacher: the key, folded until it is asked for', async () => {
    const page = await dialogFor('teacher', true)
    const key = page.querySelector<HTMLDetailsElement>('[data-testid=teacher-key]')!
    expect(key.open).toBe(false)
    expect(key.querySelector('code')!.textContent).toBe(token)
  })

  it('of a student, or of somebody whom the teacher lets in: no key', async () => {
    expect((await dialogFor('student', true)).innerHTML).not.toContain(token)
    expect((await dialogFor('teacher', false)).innerHTML).not.toContain(token)
  })
})
