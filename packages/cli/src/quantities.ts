/** Writes times, counts and sizes as people read them. */

/** A length of time in milliseconds: `3.2 ms`, `42 ms`, `0.42 s`, `12.5 s`, `3m 08s`, `2h 05m`, `3d 04h`. */
export const time = (millis: number): string => {
  if (millis <= 0) return "0 s"
  if (millis < 99.5) return `${millis.toFixed(millis < 9.95 ? 1 : 0)} ms`
  const seconds = millis / 1000
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`
  const hours = Math.round(seconds / 3600)
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`
}

/** A length of time that changes while one looks at it, in whole seconds: `8s`, `3m 08s`. */
export const clock = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  return seconds < 60 ? `${seconds}s` : time(seconds * 1000)
}

const two = (n: number): string => String(n).padStart(2, "0")

/** `12,345`. */
export const count = (n: number): string => Math.round(n).toLocaleString("en")

/** `1 job`, `12,345 jobs`. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`

/** So many in a second, or where that is less than one, in a minute or an hour: `1,480/s`, `3.2/s`, `12/min`, `4/h`. */
export const rate = (perSecond: number): string => {
  if (perSecond >= 1) return `${few(perSecond)}/s`
  if (perSecond * 60 >= 1) return `${few(perSecond * 60)}/min`
  return `${few(perSecond * 3600)}/h`
}

const few = (n: number): string => (n < 9.95 ? n.toFixed(1).replace(/\.0$/, "") : count(n))

/** A size in bytes: `512 B`, `1.5 kB`, `12 MB`; steps of 1,000. */
export const bytes = (n: number): string => {
  let value = n
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 999.5) return `${unit === "B" ? value : few(value)} ${unit}`
    value /= 1000
  }
  return `${few(value)} TB`
}

/** A part of the whole, never 100% before all is done: `48%`. */
export const percent = (part: number, whole: number): string => `${whole === 0 ? 100 : Math.floor((100 * part) / whole)}%`
