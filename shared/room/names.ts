// What people call themselves, and the login names made of it.

const NAME_MAX = 32

/** Where a name is not acceptable: why, as a word the client translates. */
export type NameProblem = 'name-empty' | 'name-long' | 'name-characters'

/** The name as it will stand: trimmed, inner spaces made one. */
export function tidyName(name: string): string {
  return name.replace(/[\s\u00a0\u2000-\u200a\u3000]+/g, ' ').replace(/^ | $/g, '')
}

/** What is wrong with a tidied name. Names reach other people's screens, terminals and the syslog. */
export function nameProblem(name: string): NameProblem | null {
  // Control, direction, joining and line characters, halves of pairs, private use.
  const unprintable =
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ue000-\uf8ff\ufeff\ufff0-\uffff]/
  const units = name.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '?')
  if (unprintable.test(units) || /[\ufe00-\ufe0e]/.test(units)) return 'name-characters'
  if (units.length > NAME_MAX) return 'name-long'
  // Accents alone are no name, and piled up they run into the next line.
  if (/[\u0300-\u036f]{3}/.test(units)) return 'name-characters'
  return /[^\s.,_'"()*-]/.test(units) ? null : 'name-empty'
}

// Letters of other scripts, digits and signs that look like a Latin letter.
const lookAlikes: Record<string, string> = {
  '0': 'o', '1': 'l', '|': 'l', '!': 'l', i: 'l', 'ı': 'l', $: 's', '5': 's', '@': 'a', '3': 'e',
  а: 'a', в: 'b', е: 'e', к: 'k', м: 'm', н: 'h', о: 'o', р: 'p', с: 'c', т: 't', у: 'y', х: 'x', ѕ: 's', і: 'l', ј: 'j',
  α: 'a', β: 'b', ε: 'e', η: 'n', ι: 'l', κ: 'k', ν: 'v', ο: 'o', ρ: 'p', τ: 't', υ: 'u', χ: 'x',
} // prettier-ignore

/** Two names with one key cannot be told apart by the eye: only one of them may be in a room. */
export function nameKey(name: string): string {
  const plain = tidyName(name)
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
  let key = ''
  for (const letter of plain) {
    if (!/[\s.,_'"()*-]/.test(letter)) key += lookAlikes[letter] ?? letter
  }
  return key
}

// By table, not by the engine's Unicode version: login names are part of the machine.
const ascii: Record<string, string> = {
  ä: 'ae', ö: 'oe', ü: 'ue', Ä: 'ae', Ö: 'oe', Ü: 'ue', ß: 'ss', ẞ: 'ss',
  à: 'a', á: 'a', â: 'a', ã: 'a', å: 'a', ą: 'a', Å: 'a', Á: 'a', À: 'a', æ: 'ae', Æ: 'ae',
  ç: 'c', ć: 'c', č: 'c', Č: 'c', Ç: 'c', ď: 'd', đ: 'd', è: 'e', é: 'e', ê: 'e', ë: 'e', ę: 'e', ě: 'e', É: 'e', È: 'e',
  ğ: 'g', ì: 'i', í: 'i', î: 'i', ï: 'i', ı: 'i', İ: 'i', ł: 'l', Ł: 'l', ñ: 'n', ń: 'n', ň: 'n',
  ò: 'o', ó: 'o', ô: 'o', õ: 'o', ø: 'o', Ø: 'o', ő: 'o', œ: 'oe', ř: 'r', ś: 's', š: 's', ş: 's', Š: 's', Ş: 's', Ś: 's',
  ť: 't', ù: 'u', ú: 'u', û: 'u', ů: 'u', ű: 'u', ý: 'y', ÿ: 'y', ź: 'z', ż: 'z', ž: 'z', Ž: 'z', Ż: 'z',
} // prettier-ignore

const LOGIN_MAX = 16

// Users of the machine's own, and names that would be mistaken for one.
const reserved = ['root', 'daemon', 'bin', 'sys', 'syslog', 'sshd', 'cron', 'nobody', 'kernel']

/** A login name for a person: lower-case ASCII letters and digits, none of `taken`. */
export function loginName(name: string, taken: ReadonlySet<string>): string {
  let login = ''
  for (const letter of name) {
    const plain = ascii[letter] ?? letter
    for (const c of plain) {
      if (c >= 'A' && c <= 'Z') login += String.fromCharCode(c.charCodeAt(0) + 32)
      else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) login += c
    }
  }
  login = login.replace(/^\d+/, '').slice(0, LOGIN_MAX)
  if (login === '') login = 'user'
  if (!taken.has(login) && !reserved.includes(login)) return login
  for (let n = 2; ; n++) {
    const suffix = String(n)
    const next = login.slice(0, LOGIN_MAX - suffix.length) + suffix
    if (!taken.has(next)) return next
  }
}
