// The teacher's key, handed over behind the # of an address: it reaches no server, and is good for one use. This file is
// loaded before the router, so that the key is gone from the address and this tab's history before anything else looks at
// them.

let kept = take()

// Somebody has opened the link in a tab that shows the room already: no page is loaded for that.
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#key=')) location.reload()
})

function take(): { code: string; key: string } | null {
  const { pathname, hash, search } = location
  if (!hash.startsWith('#key=')) return null
  history.replaceState(null, '', pathname + search)
  const key = /^#key=([0-9a-f]{32})$/.exec(hash)?.[1]
  const code = /^\/(\d{6})\b/.exec(pathname)?.[1]
  return key !== undefined && code !== undefined ? { code, key } : null
}

/** The key for this room, once. */
export function takeKey(code: string): string | null {
  if (kept?.code !== code) return null
  const { key } = kept
  kept = null
  return key
}
