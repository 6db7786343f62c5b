/** Reads what conditions are made of, and refuses what is wrong at once. */
import * as Settings from "@skein/core/Settings"
import * as Cron_ from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { timeOfDay, weekdays as names } from "./daily.ts"
import type { Condition, Cron, CronOptions, Overlap, Weekday, Window } from "./model.ts"
import { next } from "./occurrence.ts"
import { localZone, zoneOf } from "./zone.ts"

export const instant = (where: string, value: unknown): number => {
  const millis = Option.match(readInstant(value), { onNone: () => NaN, onSome: DateTime.toEpochMillis })
  if (Number.isNaN(millis)) throw Settings.mustBe(where, "instant", "a DateTime, a Date, milliseconds or an ISO text", value)
  return millis
}

const readInstant = (value: unknown): Option.Option<DateTime.DateTime> =>
  // An object without any part of a date would silently mean 1970.
  typeof value === "number" ||
  typeof value === "string" ||
  (typeof value === "object" && value !== null && (value instanceof Date || "epochMilliseconds" in value || "year" in value))
    ? DateTime.make(value as DateTime.DateTime.Input)
    : Option.none()

const zone = (where: string, value: unknown): string => {
  if (value === undefined) return localZone()
  if (typeof value === "string" && zoneOf(value) !== undefined) return value
  throw Settings.mustBe(where, "zone", `the name of a time zone or an offset such as "+05:30"`, value)
}

/** The days in the order of the week, Monday first. */
export const days = (where: string, option: string, value: unknown): ReadonlyArray<Weekday> => {
  if (value === undefined) return week
  const on = new Set<Weekday>()
  for (const part of Array.isArray(value) ? (value as ReadonlyArray<unknown>) : [value]) {
    const [first, last = first, more] = typeof part === "string" ? part.split("-") : []
    const from = week.indexOf(first as Weekday)
    const to = week.indexOf(last as Weekday)
    if (from < 0 || to < 0 || more !== undefined) {
      throw Settings.mustBe(where, option, `days such as "mon" or ranges such as "fri-mon", from ${week.join(", ")}`, part)
    }
    for (let i = from; ; i = (i + 1) % 7) {
      on.add(week[i]!)
      if (i === to) break
    }
  }
  if (on.size === 0) throw Settings.mustBe(where, option, "at least one day", value)
  return week.filter((name) => on.has(name))
}

const week: ReadonlyArray<Weekday> = [...names.slice(1), names[0]!]

export const window = (where: string, options: unknown): Window => {
  Settings.known(where, options, ["from", "to", "on", "zone"])
  const { from, on, to, zone: name } = options as { readonly [K in "from" | "to" | "on" | "zone"]?: unknown }
  const begins = timeOfDay(from)
  if (begins === undefined || from === "24:00" || from === "24:00:00") throw Settings.mustBe(where, "from", timeWords, from)
  const ends = timeOfDay(to)
  if (ends === undefined) throw Settings.mustBe(where, "to", timeWords, to)
  if (begins === ends) throw Settings.mustBe(where, "to", `another time than from (a whole day is "00:00" to "24:00")`, to)
  return Object.freeze({
    _tag: "Window",
    from: from as string,
    to: to as string,
    on: Object.freeze(days(where, "on", on)),
    zone: zone(where, name)
  })
}

const timeWords = `a time of the day such as "22:00" or "22:00:30"`

export const cron = (where: string, value: unknown, options: CronOptions): Cron => {
  const own = Cron_.isCron(value)
  Settings.known(where, options, own ? ["for"] : ["for", "zone", "onOverlap"])
  const name = own ? Option.match(value.tz, { onNone: localZone, onSome: DateTime.zoneToString }) : zone(where, options.zone)
  const onOverlap: Overlap = own ? value.onDstOverlap : Settings.oneOf(where, "onOverlap", options.onOverlap, ["earlier", "later", "both"])
  const forMillis = Settings.positiveMillis(where, "for", options.for)
  if (!Number.isSafeInteger(forMillis) || forMillis > longest) {
    throw Settings.mustBe(where, "for", "whole milliseconds, 400 days at most", options.for)
  }
  const expression = own ? Cron_.format(value) : value
  const parse = (zone: string | DateTime.TimeZone | undefined): Cron_.Cron | undefined =>
    typeof expression === "string" ? Result.getOrUndefined(Cron_.parse(expression, zone, { onDstOverlap: onOverlap })) : undefined
  const parsed = parse(name)
  if (parsed === undefined) throw Settings.mustBe(where, "cron", `a Cron or an expression such as "0 3 * * mon-fri"`, value)
  // A `Cron` can demand the day of the month and the weekday at once, which no expression can say in general.
  if (own && !Cron_.equals(value, parse(Option.getOrUndefined(value.tz))!)) {
    throw Settings.mustBe(where, "cron", "a Cron that an expression can say", expression)
  }
  if (next(parsed, 0) === Infinity) throw Settings.mustBe(where, "cron", "an expression that comes true", expression)
  return Object.freeze({ _tag: "Cron", expression: expression as string, forMillis, zone: name, onOverlap })
}

const longest = 400 * 86_400_000

const tags = new Set(["Always", "Never", "After", "Before", "Window", "Cron", "All", "Any", "Not", "Ref", "Custom"])

export const condition = (where: string, option: string, value: unknown): Condition => {
  if (typeof value === "object" && value !== null && "_tag" in value && tags.has(value._tag as string)) return value as Condition
  throw Settings.mustBe(where, option, "a condition", value)
}
