const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

let lastTime = 0
let lastRandom = new Uint8Array(16)

/** Makes a ULID that is greater than those made before it here. */
export function newEventId(now: number = Date.now()): string {
  if (now > lastTime) {
    lastTime = now
    lastRandom = crypto.getRandomValues(new Uint8Array(16)).map(byte => byte & 31)
  } else {
    increment()
  }
  let id = ''
  for (let rest = lastTime, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) id = digits.charAt(rest % 32) + id
  for (const digit of lastRandom) id += digits.charAt(digit)
  return id
}

// Counts the random part up, and the time where that has run over.
function increment(): void {
  for (let i = 15; i >= 0; i--) {
    const next = ((lastRandom[i] ?? 0) + 1) & 31
    lastRandom[i] = next
    if (next !== 0) return
  }
  lastTime++
}
