/** Refuses wrong options of the limiters in this package with the wording of the house: `Module.fn: option must be …, got …`. */
import * as Settings from "@skein/core/Settings"
import * as Duration from "effect/Duration"

/** A number that `ok` accepts. */
export const number = (where: string, option: string, value: unknown, expected: string, ok: (value: number) => boolean): number => {
  if (typeof value === "number" && ok(value)) return value
  throw Settings.mustBe(where, option, expected, value)
}

/** A whole number of at least `minimum`. */
export const whole = (where: string, option: string, value: unknown, minimum = 1): number =>
  number(where, option, value, `a whole number of at least ${minimum}`, (n) => Number.isSafeInteger(n) && n >= minimum)

/** A length of time in milliseconds that is above 0; `"Infinity"` gives `Infinity`. */
export const millis = (where: string, option: string, value: unknown): number => {
  const expected = "a duration above 0"
  let ms = NaN
  // A negative string comes out of Duration as 0, which is refused with it.
  if (typeof value !== "number" || value > 0) {
    try {
      ms = Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input))
    } catch {
      // Not a duration at all: the same refusal.
    }
  }
  if (ms > 0) return ms
  throw Settings.mustBe(where, option, expected, value)
}

export const text = (where: string, option: string, value: unknown): string | undefined => {
  if (value === undefined || typeof value === "string") return value
  throw Settings.mustBe(where, option, "a string", value)
}

/** Refuses options that are not an object, and names that nobody knows. */
export const options = (where: string, value: unknown, known: ReadonlyArray<string>): void => {
  if (typeof value !== "object" || value === null) throw Settings.mustBe(where, "options", "an object", value)
  for (const key in value) {
    if (!known.includes(key)) throw new RangeError(`${where}: unknown option ${JSON.stringify(key)}, known are ${known.join(", ")}`)
  }
}
