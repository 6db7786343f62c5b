import * as fc from "fast-check"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import { check, minute, minutes, truths } from "./conditionKit.ts"

/** Two weeks around a change of the clocks: the list of minutes that a condition holds at is combined with other lists as the condition is with others. */
const fortnights = [
  minutes("Europe/Berlin", "2026-10-18T00:00:00Z", "2026-11-01T00:00:00Z"),
  minutes("America/New_York", "2026-03-01T00:00:00Z", "2026-03-15T00:00:00Z"),
  minutes("Australia/Lord_Howe", "2026-09-27T00:00:00Z", "2026-10-11T00:00:00Z")
]

type Case = { readonly condition: Condition.Data; readonly truth: Uint8Array }

const cases = (fortnight: (typeof fortnights)[number]): fc.Arbitrary<Case> => {
  const { count, start, zone } = fortnight
  const at = fc.integer({ min: -10, max: count + 10 })
  const clock = fc.integer({ min: 0, max: 287 }).map((five) => five * 5)
  const text = (time: number): string => `${String(Math.floor(time / 60)).padStart(2, "0")}:${String(time % 60).padStart(2, "0")}`
  const week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const
  const leaf: fc.Arbitrary<Case> = fc.oneof(
    at.map((i) => ({ condition: Condition.after(start + i * minute), truth: truths(fortnight, (j) => j >= i) })),
    at.map((i) => ({ condition: Condition.before(start + i * minute), truth: truths(fortnight, (j) => j < i) })),
    fc
      .tuple(clock, clock, fc.subarray([0, 1, 2, 3, 4, 5, 6], { minLength: 1 }))
      .filter(([from, to]) => from !== to)
      .map(([from, to, on]) => ({
        condition: Condition.window({ from: text(from), to: text(to), on: on.map((i) => week[i]!), zone }),
        truth: truths(fortnight, (i) => {
          const time = fortnight.clock[i]!
          const today = on.includes(fortnight.weekday[i]!)
          if (from < to) return time >= from && time < to && today
          return (time >= from && today) || (time < to && on.includes((fortnight.weekday[i]! + 6) % 7))
        })
      }))
  )
  const combined = (parts: ReadonlyArray<Case>, how: "all" | "any"): Case | undefined => {
    const truth = truths(fortnight, (i) => (how === "all" ? parts.every((part) => part.truth[i]) : parts.some((part) => part.truth[i])))
    const conditions = parts.map((part) => part.condition)
    if (how === "any") return { condition: Condition.any(...conditions), truth }
    try {
      return { condition: Condition.all(...conditions), truth }
    } catch {
      // It was refused, and rightly so if it holds at no minute.
      expect(truth.includes(1)).toBe(false)
      return undefined
    }
  }
  return fc.letrec<{ tree: Case }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc
        .tuple(fc.array(tie("tree"), { maxLength: 3 }), fc.constantFrom("all" as const, "any" as const))
        .map(([parts, how]) => combined(parts, how))
        .filter((made) => made !== undefined),
      tie("tree").map(({ condition, truth }) => ({ condition: Condition.not(condition), truth: truth.map((one) => 1 - one) }))
    )
  })).tree
}

describe.each(fortnights)("conditions made at random in $zone", (fortnight) => {
  it("hold and change as lists of minutes combined in the same way do", () => {
    fc.assert(
      fc.property(cases(fortnight), ({ condition, truth }) => check(condition, fortnight, truth, 13)),
      { numRuns: 60 }
    )
  })

  it("are satisfiable at the first minute of the list that holds, and never where the list has one and the answer is no", () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(cases(fortnight), ({ condition, truth }) => {
        const first = truth.indexOf(1)
        const answer = Condition.satisfiable(condition, fortnight.start)
        seen.add(answer.answer)
        if (first >= 0) expect(answer).toMatchObject({ answer: "yes", from: { epochMilliseconds: fortnight.start + first * minute } })
        else if (answer.answer === "yes") {
          expect(answer.from.epochMilliseconds).toBeGreaterThanOrEqual(fortnight.start + fortnight.count * minute)
        }
      }),
      { numRuns: 120 }
    )
    expect(seen.has("yes") && seen.has("no")).toBe(true)
  })

  it("are the same after they were written and read", () => {
    fc.assert(
      fc.property(cases(fortnight), ({ condition }) => {
        expect(decode(JSON.parse(JSON.stringify(condition)))).toEqual(condition)
      }),
      { numRuns: 40 }
    )
  })
})

const decode = Schema.decodeUnknownSync(Condition.Data)

describe("the algebra of conditions", () => {
  const fortnight = fortnights[0]!
  type Pair = readonly [Condition.Data, Condition.Data]

  const holds = ([a, b]: Pair): void => {
    for (let i = 0; i < fortnight.count; i += 31) {
      const at = fortnight.start + i * minute
      expect(Condition.holds(a, at)).toBe(Condition.holds(b, at))
      expect(Condition.nextChange(a, at)).toEqual(Condition.nextChange(b, at))
    }
  }

  /** What is refused because it can never hold is `never`. */
  const all = (...parts: ReadonlyArray<Condition.Data>): Condition.Data => {
    try {
      return Condition.all(...parts)
    } catch {
      return Condition.never
    }
  }
  const { any, not } = Condition
  type A = Condition.Data

  it.each<readonly [string, (a: A, b: A, c: A) => Pair]>([
    ["not not is nothing", (a) => [not(not(a)), a]],
    ["any does not mind the order", (a, b) => [any(a, b), any(b, a)]],
    ["all does not mind the order", (a, b) => [all(a, b), all(b, a)]],
    ["any of one twice is that one", (a) => [any(a, a), a]],
    ["all of one and always is that one", (a) => [all(a, Condition.always), a]],
    ["any of one and never is that one", (a) => [any(a, Condition.never), a]],
    ["not any is all not", (a, b) => [not(any(a, b)), all(not(a), not(b))]],
    ["not all is any not", (a, b) => [not(all(a, b)), any(not(a), not(b))]],
    ["all goes into any", (a, b, c) => [all(a, any(b, c)), any(all(a, b), all(a, c))]],
    ["any absorbs a part of itself", (a, b) => [any(a, all(a, b)), a]],
    ["any of one and its opposite is always", (a) => [any(a, not(a)), Condition.always]],
    ["all of one and its opposite is never", (a) => [all(a, not(a)), Condition.never]]
  ])("%s", (_, law) => {
    const one = cases(fortnight).map(({ condition }) => condition)
    fc.assert(
      fc.property(one, one, one, (a, b, c) => holds(law(a, b, c))),
      { numRuns: 10 }
    )
  })
})
