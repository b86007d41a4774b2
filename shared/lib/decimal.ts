/** A number with so many digits behind the point, as printf's %.1f rounds it: what lies exactly between goes to the even digit. */
export function fixed(value: number, digits: number): string {
  const scaled = value * 10 ** digits
  const between = scaled % 1 === 0.5 && Number.isInteger(value * 2 ** (digits + 1))
  if (!between) return value.toFixed(digits)
  const below = Math.floor(scaled)
  return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits)
}
