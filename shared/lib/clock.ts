// Wall-clock times of the machine as it prints them, in UTC. Civil dates from days by arithmetic: this folder
// has no clock and no calendar.

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export interface Civil {
  year: number
  month: string // 'Nov'
  monthNumber: number // 11
  day: number
  weekday: string // 'Sun'
  time: string // '22:06:06'
}

/** The date of ms since 1970. */
export function civil(ms: number): Civil {
  const seconds = Math.floor(ms / 1000)
  const days = Math.floor(seconds / 86400)
  const rest = seconds - days * 86400
  // Years that begin in March: the leap day is the last of its year.
  const z = days + 719468
  const era = Math.floor(z / 146097)
  const dayOfEra = z - era * 146097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36524) -
      Math.floor(dayOfEra / 146096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const monthIndex = (marchMonth + 2) % 12
  const year = yearOfEra + era * 400 + (monthIndex < 2 ? 1 : 0)
  return {
    year,
    month: MONTHS[monthIndex],
    monthNumber: monthIndex + 1,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
    weekday: DAYS[(((days + 4) % 7) + 7) % 7],
    time: hms(rest),
  }
}

/** `Sun Nov 22 22:06:06 2026` */
export function ctime(ms: number): string {
  const { weekday, month, day, time, year } = civil(ms)
  return `${weekday} ${month} ${String(day).padStart(2)} ${time} ${year}`
}

/** Seconds as `HH:MM:SS`. */
export function hms(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}
