import * as Cron from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"

const iso = (option: Option.Option<DateTime.Utc>): string => Option.match(option, { onNone: () => "none", onSome: DateTime.formatIso })
const ref = (): SubscriptionRef.SubscriptionRef<number> => Effect.runSync(SubscriptionRef.make(0))

describe("Condition.after and Condition.before", () => {
  it("share no instant and leave none out", () => {
    const at = "2026-11-22T10:00:00Z"
    const instants = [DateTime.toEpochMillis(DateTime.makeUnsafe(at)) - 1, at, DateTime.makeUnsafe(at), new Date(at)]
    expect(instants.map((now) => Condition.holds(Condition.after(at), now))).toEqual([false, true, true, true])
    expect(instants.map((now) => Condition.holds(Condition.before(at), now))).toEqual([true, false, false, false])
  })

  it("change once", () => {
    expect(iso(Condition.nextChange(Condition.after(1_000), 0))).toBe("1970-01-01T00:00:01.000Z")
    expect(iso(Condition.nextChange(Condition.after(1_000), 1_000))).toBe("none")
  })

  it.each([NaN, Infinity, "soon", null, undefined, {}, true])("refuse what is no instant: %s", (instant) => {
    expect(() => Condition.after(instant as never)).toThrow(/^Condition.after: instant must be a DateTime, a Date/)
    expect(() => Condition.before(instant as never)).toThrow(/^Condition.before: instant must be a DateTime, a Date/)
  })
})

describe("Condition.window", () => {
  const zone = "UTC"

  // B-B12: hour, minute and second were compared one by one, and ranges over midnight never matched.
  it("compares times of the day as a whole", () => {
    const afternoon = Condition.window({ from: "12:30", to: "24:00", zone })
    expect(Condition.holds(afternoon, "2026-11-22T13:05:00Z")).toBe(true)
    const morning = Condition.window({ from: "00:00", to: "14:00", zone })
    expect(Condition.holds(morning, "2026-11-22T13:05:00Z")).toBe(true)
  })

  it("holds at its first instant and not at its last, to the millisecond", () => {
    const window = Condition.window({ from: "22:00:30", to: "06:00:15", zone })
    const at = ["22:00:29.999", "22:00:30", "06:00:14.999", "06:00:15"]
    expect(at.map((time) => Condition.holds(window, `2026-11-22T${time}Z`))).toEqual([false, true, true, false])
  })

  it("ends on the morning after the days on which it begins", () => {
    const friday = Condition.window({ from: "22:00", to: "06:00", on: "fri", zone })
    // The 27th of November 2026 is a Friday.
    const at = ["27T05:00", "27T23:00", "28T05:00", "28T23:00"]
    expect(at.map((time) => Condition.holds(friday, `2026-11-${time}:00Z`))).toEqual([false, true, true, false])
  })

  it("to midnight is the same as to the end of the day", () => {
    const a = Condition.window({ from: "20:00", to: "00:00", on: "sat", zone })
    const b = Condition.window({ from: "20:00", to: "24:00", on: "sat", zone })
    for (const now of ["2026-11-28T19:00:00Z", "2026-11-28T20:00:00Z", "2026-11-29T00:00:00Z"]) {
      expect(Condition.holds(a, now)).toBe(Condition.holds(b, now))
      expect(Condition.nextChange(a, now)).toEqual(Condition.nextChange(b, now))
    }
  })

  it("follows offsets as well as names", () => {
    const window = Condition.window({ from: "09:00", to: "10:00", zone: "+05:30" })
    expect(iso(Condition.nextChange(window, "2026-11-22T00:00:00Z"))).toBe("2026-11-22T03:30:00.000Z")
  })

  it("keeps the name of the machine's zone if none is given", () => {
    expect(Condition.window({ from: "09:00", to: "10:00" }).zone).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone)
  })

  it.each([
    [{ from: "9:00", to: "10:00" }, /^Condition.window: from must be a time of the day .*, got "9:00"$/],
    [{ from: "24:00", to: "10:00" }, /from must be a time of the day/],
    [{ from: "23:60", to: "10:00" }, /from must be a time of the day/],
    [{ from: "09:00", to: "24:01" }, /to must be a time of the day/],
    [{ from: "09:00", to: 10 }, /to must be a time of the day .*, got 10$/],
    [{ from: "09:00", to: "09:00:00" }, /to must be another time than from/],
    [{ from: "09:00", to: "10:00", zone: "Europe/Atlantis" }, /zone must be the name of a time zone .*, got "Europe\/Atlantis"$/],
    [{ from: "09:00", to: "10:00", on: [] }, /on must be at least one day/],
    [{ from: "09:00", to: "10:00", on: "monday" }, /on must be days such as "mon"/],
    [{ from: "09:00", to: "10:00", on: "fri-" }, /on must be days such as "mon"/],
    [{ from: "09:00", to: "10:00", on: "mon-fri-sun" }, /on must be days such as "mon"/],
    [{ from: "09:00", to: "10:00", days: "mon" }, /unknown option "days"/],
    [undefined, /options must be an object/]
  ])("refuses %j", (options, message) => {
    expect(() => Condition.window(options as never)).toThrow(message as RegExp)
    expect(() => Condition.window(options as never)).toThrow(RangeError)
  })
})

describe("Condition.weekdays", () => {
  it("goes over Sunday", () => {
    const on = Condition.weekdays("sat-mon", { zone: "UTC" })
    // The 23rd of November 2026 is a Monday.
    const days = ["23", "24", "25", "26", "27", "28", "29"]
    expect(days.map((day) => Condition.holds(on, `2026-11-${day}T12:00:00Z`))).toEqual([true, false, false, false, false, true, true])
  })

  it("is one and the same however its days are written", () => {
    expect(Condition.weekdays(["sun", "fri-sat", "sat"], { zone: "UTC" })).toEqual(Condition.weekdays("fri-sun", { zone: "UTC" }))
  })

  it("never changes where it names all days", () => {
    expect(iso(Condition.nextChange(Condition.weekdays("mon-sun", { zone: "Europe/Berlin" }), 0))).toBe("none")
  })

  it("refuses no days at all", () => {
    expect(() => Condition.weekdays([])).toThrow("Condition.weekdays: days must be at least one day, got an array of 0")
    expect(() => Condition.weekdays(undefined as never)).toThrow(/^Condition.weekdays: days must be/)
  })
})

describe("Condition.cron", () => {
  it("holds for its time from each occurrence on", () => {
    const cron = Condition.cron("0 3 * * mon", { for: "90 minutes", zone: "UTC" })
    const at = ["23T02:59", "23T03:00", "23T04:29", "23T04:30", "24T03:00"]
    expect(at.map((time) => Condition.holds(cron, `2026-11-${time}:00Z`))).toEqual([false, true, true, false, false])
  })

  it("is prolonged by occurrences that come before it ends", () => {
    const cron = Condition.cron("0,10,20 3 * * *", { for: "10 minutes", zone: "UTC" })
    expect(iso(Condition.nextChange(cron, "2026-11-23T03:05:00Z"))).toBe("2026-11-23T03:30:00.000Z")
  })

  it("says of one that never ends that nothing changes for long", () => {
    const cron = Condition.cron("* * * * *", { for: "1 minute", zone: "UTC" })
    expect(iso(Condition.nextChange(cron, "2026-11-23T00:00:00Z"))).toBe("2026-11-23T01:41:00.000Z")
    expect(Condition.holds(cron, "2026-11-23T01:41:00Z")).toBe(true)
  })

  it("gives the same answer wherever in time one asks from", () => {
    const zone = "Europe/Berlin"
    const around = Array.from({ length: 300 }, (_, i) => Date.parse("2026-03-28T23:00:00Z") + i * 60_000)
    const make = () => Condition.cron("5,20 */2 * * *", { for: "3 minutes", zone })
    const shared = make()
    for (const at of [...around, ...around.toReversed()]) {
      expect(Condition.holds(shared, at)).toBe(Condition.holds(make(), at))
      expect(Condition.nextChange(shared, at)).toEqual(Condition.nextChange(make(), at))
    }
  })

  it("takes a Cron with its zone and its policy", () => {
    const cron = Condition.cron(Cron.parseUnsafe("30 2 * * *", "Europe/Berlin", { onDstOverlap: "later" }), { for: "1 minute" })
    expect(cron).toMatchObject({ expression: "30 2 * * *", zone: "Europe/Berlin", onOverlap: "later" })
  })

  it.each([
    ["every day", { for: 1_000 }, /cron must be a Cron or an expression such as/],
    ["0 0 30 2 *", { for: 1_000 }, /cron must be an expression that comes true, got "0 0 30 2 \*"$/],
    [7, { for: 1_000 }, /cron must be a Cron or an expression such as .*, got 7$/],
    ["0 0 * * *", {}, /for must be a duration above 0, got undefined/],
    ["0 0 * * *", { for: 0 }, /for must be a duration above 0, got 0$/],
    ["0 0 * * *", { for: "Infinity" }, /for must be whole milliseconds, 400 days at most/],
    ["0 0 * * *", { for: "500 days" }, /for must be whole milliseconds, 400 days at most/],
    ["0 0 * * *", { for: 1_000, zone: "nowhere" }, /zone must be the name of a time zone/],
    ["0 0 * * *", { for: 1_000, onOverlap: "never" }, /onOverlap must be "earlier" \| "later" \| "both", got "never"$/],
    ["0 0 * * *", { for: 1_000, tz: "UTC" }, /unknown option "tz"/],
    [Cron.parseUnsafe("0 0 * * *"), { for: 1_000, zone: "UTC" }, /unknown option "zone", known are for$/]
  ])("refuses %j", (expression, options, message) => {
    expect(() => Condition.cron(expression as never, options as never)).toThrow(message as RegExp)
  })

  it("refuses a Cron that no expression says", () => {
    const both = Cron.make({ minutes: [0], hours: [0], days: [13], months: [], weekdays: [5], and: true })
    expect(() => Condition.cron(both, { for: 1_000 })).toThrow(/^Condition.cron: cron must be a Cron that an expression can say/)
  })
})

describe("Condition.all, any and not", () => {
  const zone = "UTC"
  const morning = Condition.window({ from: "06:00", to: "12:00", zone })
  const evening = Condition.window({ from: "18:00", to: "24:00", zone })

  it("of nothing are always and never", () => {
    expect([Condition.holds(Condition.all(), 0), Condition.holds(Condition.any(), 0)]).toEqual([true, false])
  })

  it("refuse what can never hold together, in words", () => {
    expect(() => Condition.all(morning, evening)).toThrow(
      `Condition.all: conditions must be able to hold at the same time, got "06:00 to 12:00 in UTC and 18:00 to 24:00 in UTC"`
    )
    expect(() => Condition.all(Condition.before(5), Condition.after(5))).toThrow(RangeError)
    expect(() => Condition.all(Condition.weekdays("sat-sun", { zone }), Condition.weekdays("mon-fri", { zone }))).toThrow(RangeError)
    expect(() => Condition.all(Condition.weekdays("sat", { zone }), Condition.not(Condition.weekdays("fri-sun", { zone })))).toThrow(
      RangeError
    )
  })

  it("take what could hold together, if only in another zone or by code", () => {
    const elsewhere = Condition.window({ from: "18:00", to: "24:00", zone: "Asia/Tokyo" })
    expect(Condition.isData(Condition.all(morning, elsewhere))).toBe(true)
    expect(
      Condition.isData(
        Condition.all(
          Condition.any(
            morning,
            Condition.ref(ref(), () => true)
          ),
          evening
        )
      )
    ).toBe(false)
  })

  it("take a part that is meant never to hold", () => {
    expect(Condition.holds(Condition.all(Condition.never, morning), 0)).toBe(false)
  })

  it.each([undefined, null, {}, { _tag: "Sometimes" }, "always", true])("refuse what is no condition: %j", (part) => {
    expect(() => Condition.all(part as never)).toThrow(/^Condition.all: conditions must be a condition, got/)
    expect(() => Condition.any(part as never)).toThrow(/^Condition.any: conditions must be a condition, got/)
    expect(() => Condition.not(part as never)).toThrow(/^Condition.not: condition must be a condition, got/)
  })

  it("look through years of changes that cancel each other out", () => {
    const far = Condition.all(morning, Condition.after("2090-01-01"))
    expect(iso(Condition.nextChange(far, 0))).toBe("2090-01-01T06:00:00.000Z")
  })

  it("look beyond parts that never meet, where an instant says so", () => {
    const apart = [morning, Condition.window({ from: "06:00", to: "07:00", zone: "Asia/Tokyo" })] as const
    const change = Condition.nextChange(Condition.all(...apart, Condition.after("2090-01-01")), 0)
    expect(iso(change) >= "2090").toBe(true)
  })

  it("give the same answer whichever instant is asked first", () => {
    const asked = Condition.any(morning, evening)
    Condition.nextChange(asked, 19 * 3_600_000)
    expect(iso(Condition.nextChange(asked, 0))).toBe("1970-01-01T06:00:00.000Z")
  })

  it("are frozen, and keep no list that the caller may change", () => {
    const parts: Array<Condition.Data> = [morning]
    const all = Condition.all(...parts)
    parts.push(evening)
    expect(all.conditions).toEqual([morning])
    expect([Object.isFrozen(all), Object.isFrozen(all.conditions), Object.isFrozen(morning), Object.isFrozen(morning.on)]).toEqual([
      true,
      true,
      true,
      true
    ])
  })
})

describe("Condition.ref and Condition.make", () => {
  it("are no data, and neither is what holds them", () => {
    const live = Condition.ref(ref(), () => true)
    const own = Condition.make({ holds: Effect.succeed(true), changes: Stream.never })
    const conditions = [live, own, Condition.not(live), Condition.all(Condition.always, Condition.any(own)), Condition.always]
    expect(conditions.map(Condition.isData)).toEqual([false, false, false, false, true])
  })

  it("have no truth at an instant", () => {
    const live = Condition.ref(ref(), () => true, { name: "enough room" })
    expect(() => Condition.holds(live as never, 0)).toThrow(`Condition.holds: condition must be one without code in it, got "enough room"`)
    expect(() => Condition.nextChange(live as never, 0)).toThrow(/^Condition.nextChange: condition must be one without code in it/)
  })

  it("refuse wrong parts", () => {
    expect(() => Condition.ref({} as never, () => true)).toThrow(/^Condition.ref: ref must be a SubscriptionRef/)
    expect(() => Condition.ref(ref(), 1 as never)).toThrow("Condition.ref: predicate must be a function, got 1")
    expect(() => Condition.ref(ref(), () => true, { label: "x" } as never)).toThrow(/unknown option "label"/)
    expect(() => Condition.make({ holds: true, changes: Stream.never } as never)).toThrow(
      "Condition.make: holds must be an Effect, got true"
    )
    expect(() => Condition.make({ holds: Effect.succeed(true) } as never)).toThrow(
      "Condition.make: changes must be a Stream, got undefined"
    )
    expect(() => Condition.make(undefined as never)).toThrow("Condition.make: options must be an object, got undefined")
  })
})

describe("Condition.satisfiable", () => {
  const zone = "UTC"
  const now = "2026-11-22T00:00:00Z"

  it("says yes and from when on", () => {
    const answer = Condition.satisfiable(Condition.cron("0 12 29 2 *", { for: "1 hour", zone }), now)
    expect(answer.answer === "yes" && DateTime.formatIso(answer.from)).toBe("2028-02-29T12:00:00.000Z")
  })

  it("says no with the smallest part that is to blame", () => {
    const sales = Condition.all(Condition.weekdays("sat", { zone }), Condition.before("2026-11-21T12:00:00Z"))
    expect(Condition.satisfiable(sales, now)).toEqual({
      answer: "no",
      because: "before 2026-11-21T12:00:00.000Z: does not hold at any time from 2026-11-22T00:00:00.000Z on"
    })
    // A Saturday, but too late on it.
    const late = Condition.all(Condition.weekdays("sat", { zone }), Condition.before("2026-11-27T12:00:00Z"))
    expect(Condition.satisfiable(late, now).answer).toBe("no")
  })

  it("says no of code that cannot help", () => {
    const late = Condition.all(
      Condition.ref(ref(), () => true),
      Condition.before(0)
    )
    expect(Condition.satisfiable(late, now).answer).toBe("no")
  })

  it("says unknown where more than the time decides", () => {
    expect(
      Condition.satisfiable(
        Condition.ref(ref(), () => true, { name: "enough room" }),
        now
      )
    ).toEqual({
      answer: "unknown",
      because: "enough room: depends on more than the time"
    })
  })

  it("says unknown of what does not hold for years and may still do so", () => {
    const apart = Condition.all(
      Condition.window({ from: "06:00", to: "07:00", zone: "Europe/Berlin" }),
      Condition.window({ from: "06:00", to: "07:00", zone: "Europe/London" })
    )
    expect(Condition.satisfiable(apart, now)).toMatchObject({
      answer: "unknown",
      because: expect.stringContaining("does not hold before 20")
    })
  })
})

describe("Condition.Data", () => {
  const decode = Schema.decodeUnknownResult(Condition.Data)
  const window = Condition.window({ from: "22:00", to: "06:00", zone: "UTC" })
  const cron = Condition.cron("0 3 * * *", { for: "1 hour", zone: "UTC" })

  it("reads what was written", () => {
    const all = Condition.all(window, Condition.not(cron), Condition.any(Condition.after(5), Condition.before(7)), Condition.always)
    expect(decode(JSON.parse(JSON.stringify(all)))).toEqual(Result.succeed(all))
  })

  it.each([
    [{ ...window, zone: "Europe/Atlantis" }],
    [{ ...window, from: "25:00" }],
    [{ ...window, to: window.from }],
    [{ ...window, on: [] }],
    [{ ...window, on: ["mon", "someday"] }],
    [{ ...cron, expression: "0 0 30 2 *" }],
    [{ ...cron, forMillis: -1 }],
    [{ ...cron, onOverlap: "never" }],
    [{ _tag: "After", atMillis: 1e17 }],
    [{ _tag: "After" }],
    [{ _tag: "All", conditions: [{ _tag: "Never" }, { _tag: "Ref" }] }],
    [{ _tag: "Not" }],
    [{ _tag: "Sometimes" }],
    [null]
  ])("refuses %j", (written) => {
    expect(Result.isFailure(decode(written))).toBe(true)
  })
})

describe("Condition.describe", () => {
  it("says a condition in words", () => {
    const zone = "UTC"
    const condition = Condition.all(
      Condition.any(Condition.weekdays("sat-sun", { zone }), Condition.window({ from: "22:00", to: "06:00", zone })),
      Condition.not(Condition.cron("0 3 * * *", { for: "10 minutes", zone })),
      Condition.ref(ref(), () => true, { name: "enough room" })
    )
    expect(Condition.describe(condition)).toBe(
      `(sat, sun in UTC or 22:00 to 06:00 in UTC) and not 10m from each "0 3 * * *" in UTC on and enough room`
    )
  })

  it("is cut where it is very long", () => {
    expect(Condition.describe(Condition.any(...Array.from({ length: 1_000 }, (_, i) => Condition.after(i)))).length).toBe(200)
  })
})
