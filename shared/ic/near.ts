// "Did you mean": the known name that is closest to what was typed.

const keywords = [
  'sizeof',
  'while',
  'for',
  'if',
  'else',
  'do',
  'break',
  'continue',
  'char',
  'short',
  'int',
  'long',
  'signed',
  'unsigned',
  'void',
  'const',
]

/** The closest of the names, or null if none is close. */
export function nearest(name: string, names: Iterable<string>): string | null {
  const limit = name.length <= 3 ? 1 : name.length <= 7 ? 2 : 3
  let best: string | null = null
  let bestDistance = limit + 1
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance && distance < name.length) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

export function nearestKeyword(name: string): string | null {
  return nearest(name, keywords)
}

/** Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(replaced, last[j] + 1, row[j - 1] + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, before[j - 2] + 1)
      row.push(best)
    }
    before = last
    last = row
  }
  return last[b.length]
}
