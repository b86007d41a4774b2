// What malloc says when it finds the heap damaged, and what it does then.
//
// 2.36: the text on standard error, then abort(). 2.13: check_action decides, 3 by default.
//
//   bit 1  message   *** glibc detected *** PROGRAM: TEXT: 0xADDRESS ***
//   bit 2  abort, after a backtrace and the memory map if there was a message
//   bit 4  with bit 1: only TEXT
//
// So with 2.13 mallocPrinterr() may return, and its callers go on as that version did.

import type { MallocEnv } from './env.ts'

// What debugging is on; the process's own variable, set when malloc starts.
export const DEBUG_PRELOADED = 1 // 2.36: libc_malloc_debug.so is there
export const DEBUG_CHECK = 2 // MALLOC_CHECK_ is on: see check.ts
export const DEBUG_FIRST_CALL = 4 // 2.36: libc_malloc_debug.so has not been called yet

export function debugging(env: MallocEnv): number {
  return env.loadOwn32(env.flavour.par.debugging)
}

/** The heap is damaged. `ptr` is what 2.13 names in its message. */
export function mallocPrinterr(env: MallocEnv, text: string, ptr: number): void {
  if (env.flavour.checkActions) {
    printerrByAction(env, text, ptr, env.load32(env.mainArena + env.flavour.par.checkAction))
  } else {
    // The debugging library says it with __libc_fatal(), without a newline.
    env.message(debugging(env) & DEBUG_CHECK ? text : `${text}\n`, false)
    env.abort()
  }
}

export function printerrByAction(env: MallocEnv, text: string, ptr: number, action: number): void {
  const aborting = (action & 2) !== 0
  if ((action & 5) === 5) {
    env.message(`${text}\n`, aborting)
  } else if (action & 1) {
    const address = ptr.toString(16).padStart(env.flavour.bits / 4, '0')
    env.message(`*** glibc detected *** ${env.programName}: ${text}: 0x${address} ***\n`, aborting)
  }
  if (aborting) env.abort()
}

/** An assertion of glibc's: where it stands, as its message says. */
export interface AssertSite {
  function: string
  text: string
  line: number // in 2.13's malloc.c
  oldFunction: string
  oldText: string // there macros are expanded
}

export function assertFailed(env: MallocEnv, site: AssertSite): never {
  if (env.flavour.version === '2.13') {
    const name = env.programName.slice(env.programName.lastIndexOf('/') + 1)
    env.message(
      `${name}: malloc.c:${site.line}: ${site.oldFunction}: Assertion \`${site.oldText}' failed.\n`,
      false,
    )
  } else {
    const end = debugging(env) & DEBUG_CHECK ? '' : '\n'
    env.message(
      `Fatal glibc error: malloc assertion failure in ${site.function}: ${site.text}${end}`,
      false,
    )
  }
  env.abort()
}
