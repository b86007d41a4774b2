import { expect, it } from 'vitest'
import type { Overview } from '../../../client/feed/protocol.ts'
import { i18n } from '../../../client/i18n/index.ts'
import MachineClock from '../../../client/panels/MachineClock.vue'
import { mkFeed, show } from './stage.ts'

const at = (uptimeMs: number, aheadMs: number) =>
  ({ overview: { uptimeMs, aheadMs, options: { hostname: 'pc7' } } as Overview }) as never

it('shows the time since boot and, while the clock is advanced, what is left; that is said once', async () => {
  const clock = show(MachineClock, at(65_000, 0), mkFeed().feed)
  const status = clock.get('[role=status]')
  expect(clock.text()).toBe('pc7, up 1:05')
  await clock.setProps(at(65_000, 60_000))
  expect(clock.get('[data-testid=clock-ahead]').text()).toBe('1:00 still ahead')
  expect(status.text()).toBe('The machine’s clock is being advanced.')
  await clock.setProps(at(124_950, 50))
  expect(clock.get('[data-testid=clock-ahead]').text(), 'never none').toBe('0:01 still ahead')
  expect(status.text()).toBe('The machine’s clock is being advanced.')
  i18n.global.locale.value = 'de'
  await clock.setProps(at(124_950, 1000))
  expect(clock.text()).toContain('noch 0:01 voraus')
  await clock.setProps(at(125_000, 0))
  expect(clock.find('[data-testid=clock-ahead]').exists()).toBe(false)
  expect(status.text()).toBe('')
})
