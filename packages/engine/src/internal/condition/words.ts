/** Says a condition in words, for messages and lists. */
import * as Duration from "effect/Duration"
import { weekdays } from "./daily.ts"
import type { Condition, Weekday } from "./model.ts"

const longest = 200

/** A condition in words, cut where it is very long. */
export const words = (condition: Condition): string => {
  const text = say(condition, false)
  return text.length > longest ? `${text.slice(0, longest - 3)}...` : text
}

const say = (condition: Condition, inside: boolean): string => {
  switch (condition._tag) {
    case "Always":
      return "always"
    case "Never":
      return "never"
    case "After":
      return `from ${new Date(condition.atMillis).toISOString()} on`
    case "Before":
      return `before ${new Date(condition.atMillis).toISOString()}`
    case "Window": {
      const days = condition.on.length === 7 ? "" : `${dayWords(condition.on)} `
      const whole = condition.from === "00:00" && condition.to === "24:00" && days !== ""
      return `${days}${whole ? "" : `${condition.from} to ${condition.to} `}in ${condition.zone}`
    }
    case "Cron":
      return `${Duration.format(Duration.millis(condition.forMillis))} from each ${JSON.stringify(condition.expression)} in ${condition.zone} on`
    case "All":
      return list(condition.conditions, "and", "always", inside)
    case "Any":
      return list(condition.conditions, "or", "never", inside)
    case "Not":
      return `not ${say(condition.condition, true)}`
    case "Ref":
    case "Custom":
      return condition.name
  }
}

const list = (parts: ReadonlyArray<Condition>, word: string, empty: string, inside: boolean): string => {
  if (parts.length === 0) return empty
  // A whole may have 100,000 parts, and the text is cut anyway.
  const text = parts
    .slice(0, longest)
    .map((part) => say(part, parts.length > 1 || inside))
    .join(` ${word} `)
  return inside && parts.length > 1 ? `(${text})` : text
}

const dayWords = (on: ReadonlyArray<Weekday>): string => on.toSorted((a, b) => place(a) - place(b)).join(", ")

/** Monday comes first to most readers. */
const place = (name: Weekday): number => (weekdays.indexOf(name) + 6) % 7
