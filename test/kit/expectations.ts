/** What laws look at again and again. They throw words instead of comparing structures: a law runs a hundred thousand times. */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import type { Recorder } from "./recorder.ts"

export const fail = (text: string): never => {
  throw new Error(text)
}

export const equal = (what: string, got: unknown, wanted: unknown): void => {
  if (!Object.is(got, wanted)) fail(`${what}: got ${String(got)}, wanted ${String(wanted)}`)
}

export const equalWords = (what: string, got: ReadonlyArray<unknown>, wanted: ReadonlyArray<unknown>): void => {
  if (got.length !== wanted.length || got.some((x, i) => !Object.is(x, wanted[i])))
    fail(`${what}: got [${got.join(", ")}], wanted [${wanted.join(", ")}]`)
}

export const isTrue = (what: string, got: boolean): void => {
  if (!got) fail(what)
}

/** Nothing happened after `returned`, and what had started was clean before it. */
export const cleanBeforeReturn = ({ events }: Recorder): void => {
  const at = events.indexOf("returned")
  const before = at < 0 ? events : events.slice(0, at)
  if (at >= 0 && at < events.length - 1) fail(`after the return: ${events.slice(at + 1).join(", ")}`)
  for (const event of before) {
    if (!event.endsWith(" starts")) continue
    const name = event.slice(0, -7)
    if (!before.includes(`${name} is clean`)) fail(`${name} started and was not cleaned up before the return: ${events.join(", ")}`)
  }
}

/** Each piece of work was asked to stop at most once, and cleaned up at most once. */
export const stoppedOnce = ({ events }: Recorder): void => {
  const seen = new Set<string>()
  for (const event of events) {
    if ((seen.has(event) && event.endsWith("stop")) || (seen.has(event) && event.endsWith("clean"))) fail(`twice: ${event}`)
    seen.add(event)
  }
}

/** The outcomes as words: `completed late`, `timeout task`, `cancelled SiblingFailed`, … */
export const wordsOf = (result: GatherResult.GatherResult<unknown, unknown> | undefined): Array<string> => (result?.list ?? []).map(wordOf)

export const wordOf = (outcome: Outcome.Outcome<unknown, unknown>): string => {
  const abandoned = outcome.abandoned ? " abandoned" : ""
  switch (outcome._tag) {
    case "Completed":
      return `completed${outcome.late ? " late" : ""}${abandoned}`
    case "Failed":
      return `failed${abandoned}`
    case "TimedOut":
      return `timeout ${outcome.limit}${abandoned}`
    default:
      return `${outcome.status} ${outcome.reason._tag}${abandoned}`
  }
}
