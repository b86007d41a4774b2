// Proposed names: friendly, short, of no real person. German words agree in gender, so all animals there are masculine.

import type { Locale } from './index.ts'

const adjectives = {
  en: ['Brave', 'Bright', 'Calm', 'Clever', 'Curious', 'Daring', 'Eager', 'Gentle', 'Happy', 'Jolly', 'Keen', 'Kind', 'Lively', 'Lucky', 'Merry', 'Nimble', 'Patient', 'Proud', 'Quick', 'Quiet', 'Steady', 'Sunny', 'Swift', 'Wise'],
  de: ['Aufgeweckter', 'Bunter', 'Flinker', 'Flotter', 'Freundlicher', 'Fröhlicher', 'Geduldiger', 'Gelassener', 'Heller', 'Kluger', 'Kühner', 'Leiser', 'Lustiger', 'Munterer', 'Mutiger', 'Neugieriger', 'Pfiffiger', 'Ruhiger', 'Sanfter', 'Schlauer', 'Schneller', 'Stiller', 'Tapferer', 'Wacher'],
} // prettier-ignore
const animals = {
  en: ['Badger', 'Beaver', 'Bison', 'Crane', 'Dolphin', 'Falcon', 'Finch', 'Fox', 'Gecko', 'Heron', 'Ibex', 'Koala', 'Lynx', 'Magpie', 'Marmot', 'Newt', 'Otter', 'Owl', 'Panda', 'Penguin', 'Robin', 'Seal', 'Stork', 'Wombat'],
  de: ['Biber', 'Dachs', 'Delfin', 'Falke', 'Fink', 'Fuchs', 'Gecko', 'Hamster', 'Hase', 'Igel', 'Koala', 'Kranich', 'Luchs', 'Marder', 'Molch', 'Otter', 'Panda', 'Pinguin', 'Rabe', 'Reiher', 'Specht', 'Storch', 'Uhu', 'Wombat'],
} // prettier-ignore

/** A name to begin with. `random`: from 0 to below 1. */
export function proposeName(locale: Locale, random: () => number = Math.random): string {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)]
  return `${pick(adjectives[locale])} ${pick(animals[locale])}`
}
