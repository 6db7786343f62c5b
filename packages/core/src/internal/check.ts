/** Refuses wrong options at once, with one wording: `Module.fn: option must be …, got …` (law 17). */
import * as Duration from "effect/Duration"

/** Shows a value in a message: strings quoted, objects by kind, never throwing. */
export const show = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value)
    case "bigint":
      return `${value}n`
    case "function":
      return value.name === "" ? "a function" : `function ${value.name}`
    case "object":
      if (value === null) return "null"
      if (Array.isArray(value)) return `an array of ${value.length}`
      return `an object${protoName(value)}`
    default:
      return String(value)
  }
}

const protoName = (value: object): string => {
  const name: unknown = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)?.constructor?.name
  return typeof name === "string" && name !== "" && name !== "Object" ? ` (${name})` : ""
}

export const mustBe = (where: string, option: string, expected: string, got: unknown): RangeError =>
  new RangeError(`${where}: ${option} must be ${expected}, got ${show(got)}`)

/** A whole number of at least `minimum`. */
export const positiveInt = (where: string, option: string, value: unknown, minimum = 1): number => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= minimum) return value
  throw mustBe(where, option, `a whole number of at least ${minimum}`, value)
}

/** A bound: a whole number of at least 1, or `"unbounded"` (`Infinity`). */
export const bound = (where: string, option: string, value: unknown): number => {
  if (value === "unbounded") return Infinity
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value
  throw mustBe(where, option, `a whole number of at least 1, or "unbounded"`, value)
}

/** A length of time in milliseconds; negative and NaN are refused, `"Infinity"` gives `Infinity`. */
export const millis = (where: string, option: string, value: unknown): number => duration(where, option, value, expectedDuration)

/** A length of time above 0 in milliseconds; `"Infinity"` gives `Infinity`. */
export const positiveMillis = (where: string, option: string, value: unknown): number => {
  const ms = duration(where, option, value, expectedPositive)
  if (ms > 0) return ms
  throw mustBe(where, option, expectedPositive, value)
}

const duration = (where: string, option: string, value: unknown, expected: string): number => {
  let ms: number
  try {
    // A negative number and a negative string both come out as 0 or below from Duration, so the sign is looked at first.
    if (typeof value === "number" && !(value >= 0)) throw mustBe(where, option, expected, value)
    if (typeof value === "string" && value.trimStart().startsWith("-")) throw mustBe(where, option, expected, value)
    if (typeof value === "bigint" && value < 0n) throw mustBe(where, option, expected, value)
    // An object without any unit would silently mean zero.
    if (
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      !Duration.isDuration(value) &&
      !units.some((unit) => unit in value)
    ) {
      throw mustBe(where, option, expected, value)
    }
    ms = Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input))
  } catch {
    throw mustBe(where, option, expected, value)
  }
  if (!(ms >= 0)) throw mustBe(where, option, expected, value)
  return ms
}

const units = ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"]
const expectedDuration = "a duration that is not negative"
const expectedPositive = "a duration above 0"

/** One of a few words. */
export const word = <const W extends string>(where: string, option: string, value: unknown, words: ReadonlyArray<W>): W => {
  if ((words as ReadonlyArray<unknown>).includes(value)) return value as W
  throw mustBe(where, option, words.map((w) => JSON.stringify(w)).join(" | "), value)
}

/** Refuses options that are not an object, and names that nobody knows. */
export const options = (where: string, value: unknown, known: ReadonlySet<string>): void => {
  if (value === undefined) return
  if (typeof value !== "object" || value === null) throw mustBe(where, "options", "an object", value)
  for (const key in value) {
    if (!known.has(key)) throw new RangeError(`${where}: unknown option ${JSON.stringify(key)}, known are ${[...known].join(", ")}`)
  }
}
