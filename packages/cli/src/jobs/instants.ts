/** Reads and writes instants and ages as people do. */
import * as Result from "effect/Result"
import * as sizes from "../sizes.ts"

const dateShape = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/

/** `2026-11-20`, `2026-11-20T08:00`, `2026-11-20 08:00:30Z`: milliseconds since the Unix epoch; on this machine's clock where no offset is said. */
export const instant = (text: string): number | undefined => {
  if (!dateShape.test(text)) return undefined
  const [date, time = "00:00"] = text.split(/[T ]/)
  const millis = Date.parse(`${date}T${time}`)
  // `Date` takes the 31st of a month that has 30 days for the first of the next.
  const day = Number(date!.slice(8))
  const lasts = new Date(Date.UTC(Number(date!.slice(0, 4)), Number(date!.slice(5, 7)), 0)).getUTCDate()
  return Number.isNaN(millis) || day > lasts ? undefined : millis
}

/** An instant, or a length of time up to now. */
export const past =
  (now: number) =>
  (text: string): sizes.Read<number> => {
    const at = instant(text)
    if (at !== undefined) return Result.succeed(at)
    const length = sizes.duration(text)
    return Result.isSuccess(length)
      ? Result.succeed(now - length.success)
      : Result.fail(
          `must be a time ago such as 30s, 2h or 7d, or an instant such as 2026-11-20 or 2026-11-20T08:00, got ${JSON.stringify(text)}`
        )
  }

const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"]
] as const

/** How long ago, in the largest unit: `8s`, `3m`, `2h`, `12d`. */
export const age = (millis: number): string => {
  for (const [unit, sign] of units) if (millis >= unit) return `${Math.floor(millis / unit)}${sign}`
  return `${Math.max(0, Math.floor(millis / 1000))}s`
}

/** An instant for people, on this machine's clock: `2026-11-20 08:00:05`. */
export const local = (at: number): string => {
  const date = new Date(at)
  const two = (n: number): string => String(n).padStart(2, "0")
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}
