// `npm run fuzz [COUNT] [SEED]`: a million messages of wrong shapes, sizes, orders, roles and tokens, over real sockets.
// Each must be refused with a reason; none may change the machine or end the server. Exit status 1 if one does.

import { fuzz } from '../helpers/fuzzRoom.ts'

const count = Number(process.argv[2] ?? 1_000_000)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)
console.log(`${count} messages, seed ${seed}`)
const start = performance.now()
const result = await fuzz(count, seed, (done) => {
  if (done % 50_000 === 0)
    console.log(`${done} (${Math.round((performance.now() - start) / 1000)} s)`)
})
const { reasons, ...rest } = result
console.log(JSON.stringify(rest))
for (const [why, times] of Object.entries(reasons).sort((a, b) => b[1] - a[1]))
  console.log(`${String(times).padStart(9)}  ${why}`)
const wrong = [
  ...(result.before === result.after ? [] : ['the machine has changed']),
  ...(result.entries === 0 ? [] : [`${result.entries} entries are in the log`]),
  ...(result.accepted === 0
    ? []
    : [`${result.accepted} were accepted, the first: ${result.first}`]),
  ...(result.silent === 0
    ? []
    : [`${result.silent} had no answer, the first: ${result.firstSilent}`]),
]
if (wrong.length > 0) console.error(wrong.join('; '))
process.exit(wrong.length > 0 ? 1 : 0)
