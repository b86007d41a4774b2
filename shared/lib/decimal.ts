/** A number with so many digits behind the point, as printf's %.1f rounds it: what lies exactly between goes to the even digit. */
export function fixed(value: number, digits: number): string {
  const unit = power(10, digits)
  const scaled = value * unit
  const between = scaled % 1 === 0.5 && Number.isInteger(value * 2 ** (digits + 1))
  if (!between) return value.toFixed(digits)
  const below = Math.floor(scaled)
  return ((below % 2 === 0 ? below : below + 1) / unit).toFixed(digits)
}

/** A whole number to a whole power, by multiplying: engines differ in the last bit of `**`. */
export function power(base: number, exponent: number): number {
  let product = 1
  for (let i = 0; i < exponent; i++) product *= base
  return product
}
