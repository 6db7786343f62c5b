import * as Outcome from "@skein/core/Outcome"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Skipped } from "../../src/internal/ends.ts"
import { decodeCause, decodeEnd, encodeCause, encodeEnd, NotDecodable, NotEncodable } from "../../src/internal/store/ends.ts"
import type { Codec, Codecs } from "../../src/internal/work.ts"
import type * as Job from "../../src/Job.ts"
import type { Json } from "../../src/JobStore.ts"

/** Values that JSON does not have, so that nothing comes back by accident. */
class Value {
  readonly json: Json
  constructor(json: Json) {
    this.json = json
  }
}

const codec: Codec = {
  encode: (value) => {
    if (!(value instanceof Value)) throw new TypeError("not a Value")
    return { value: value.json }
  },
  decode: (json) => {
    if (typeof json !== "object" || json === null || !("value" in json)) throw new TypeError("not the JSON of a Value")
    return new Value(json.value)
  }
}
const codecs: Codecs = { success: codec, error: codec }

/** What is kept goes through text, as in every store. */
const there = (end: Job.End<unknown, unknown>): Json => JSON.parse(JSON.stringify(encodeEnd(end, codecs))) as Json
const andBack = (end: Job.End<unknown, unknown>, index = end.index): Job.End<unknown, unknown> => decodeEnd(there(end), codecs, index)

const json = fc.jsonValue({ noUnicodeString: false, maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as Json)
const value = json.map((one) => new Value(one))
const text = fc.string({ maxLength: 8 })
const index = fc.nat(1_000)

const defect = fc.oneof(
  json,
  fc.tuple(text, text).map(([name, message]) => Object.assign(new Error(message), name === "" ? {} : { name })),
  text.map((message) => new TypeError(message, { cause: new RangeError("root", { cause: "word" }) }))
)
const reason: fc.Arbitrary<Cause.Reason<unknown>> = fc.oneof(
  value.map((error) => Cause.makeFailReason(error)),
  defect.map((one) => Cause.makeDieReason(one)),
  fc.option(fc.nat(), { nil: undefined }).map((fiber) => Cause.makeInterruptReason(fiber))
)
const cause = fc
  .tuple(fc.array(reason, { maxLength: 3 }), fc.option(fc.record({ flavour: text, worker: fc.nat() })))
  .map(([reasons, killed]) =>
    killed === null ? Cause.fromReasons(reasons) : Cause.combine(Cause.fromReasons(reasons), TaskRunner.killed(killed))
  )

const millis = fc.oneof(
  fc.nat(1e9),
  fc.nat(1e9).map((micros) => micros / 1_000)
)
const duration = fc.oneof(
  millis.map((n) => Duration.millis(n)),
  fc.constant(Duration.infinity)
)

const tags = [
  "SiblingFailed",
  "CallerInterrupted",
  "CallTimeout",
  "TaskTimeout",
  "DeadlineReached",
  "QueueTimeout",
  "Requested",
  "Aborted",
  "Stopped",
  "SourceFailed",
  "Decided",
  "Closed",
  "ExecutorClosed",
  "Interrupted"
] as const satisfies ReadonlyArray<Outcome.Reason["_tag"]>

const link: fc.Arbitrary<Outcome.Reason> = fc.record(
  { _tag: fc.constantFrom(...tags), index, name: text, at: millis, after: duration, value: json },
  { requiredKeys: ["_tag"] }
)
const why: fc.Arbitrary<Outcome.Reason> = fc
  .array(link, { minLength: 1, maxLength: 5 })
  .map((links) => links.reduceRight((because, one) => ({ ...one, because })))

const word = fc.constantFrom("completed", "failed", "timeout", "cancelled", "skipped")
const because: fc.Arbitrary<Job.Because> = fc
  .array(fc.record({ id: text, name: text, status: word, wanted: fc.array(word), detail: text }), { minLength: 1, maxLength: 5 })
  .map((links) =>
    links.reduceRight<Job.Because | undefined>((because, one) => (because === undefined ? one : { ...one, because }), undefined)!
  )

const instant = fc.tuple(fc.integer({ min: 0, max: 4e12 }), fc.nat(999)).map(([ms, micros]) => ms + micros / 1_000)
const later = fc.option(fc.nat(1e12), { nil: undefined })
const info: fc.Arbitrary<Outcome.Info> = fc
  .record({
    index,
    name: fc.option(text, { nil: undefined }),
    attempts: fc.nat(20),
    attemptCauses: fc.option(fc.array(cause, { maxLength: 2 }), { nil: undefined }),
    abandoned: fc.boolean(),
    at: fc.option(instant, { nil: undefined }),
    started: later,
    ended: later
  })
  .map(({ at, ended, started, ...rest }) => {
    const since = (micros: number | undefined) => (at === undefined || micros === undefined ? undefined : at + micros / 1_000)
    return { ...rest, queuedAt: at, startedAt: since(started), endedAt: since(ended) }
  })

const end: fc.Arbitrary<Job.End<unknown, unknown>> = fc.oneof(
  fc.tuple(info, value, fc.boolean()).map((args) => new Outcome.Completed(...args)),
  fc.tuple(info, cause).map((args) => new Outcome.Failed(...args)),
  fc
    .tuple(
      info,
      fc.constantFrom("task" as const, "attempt" as const, "queue" as const, "call" as const, "deadline" as const),
      duration,
      cause
    )
    .map((args) => new Outcome.TimedOut(...args)),
  fc.tuple(info, why, cause).map((args) => new Outcome.Cancelled(...args)),
  fc.tuple(info, why).map((args) => new Outcome.NotStarted(...args)),
  fc.tuple(index, text, because, instant, instant).map((args) => new Skipped(...args))
)

/** What can be seen of a cause. */
const seenIn = (cause: Cause.Cause<unknown>): unknown => ({
  killed: TaskRunner.killedIn(cause),
  reasons: cause.reasons.map((reason) => {
    switch (reason._tag) {
      case "Fail":
        return { fail: (reason.error as Value).json }
      case "Die":
        return { die: seenInDefect(reason.defect) }
      case "Interrupt":
        return { interrupt: reason.fiberId }
    }
  })
})

const seenInDefect = (defect: unknown): unknown =>
  defect instanceof Error
    ? { name: defect.name, message: defect.message, stack: defect.stack, cause: seenInDefect(defect.cause) }
    : { is: defect }

/** All that can be seen of an end. */
const seen = (end: Job.End<unknown, unknown>): unknown => {
  const { attempts, endedAt, index, name, queuedAt, status } = end
  const shared = { tag: end._tag, attempts, index, name, status }
  if (end._tag === "Skipped") return { ...shared, queuedAt, endedAt, because: end.because }
  // Outcomes keep whole microseconds, and a millisecond since 1970 as a number is no finer than a quarter of one.
  const micros = (at: number | undefined): number | undefined => (at === undefined ? undefined : Math.round(at * 1_000))
  return {
    ...shared,
    times: [queuedAt, end.startedAt, endedAt].map(micros),
    abandoned: end.abandoned,
    attemptCauses: end.attemptCauses.map(seenIn),
    value: end._tag === "Completed" ? [(end.value as Value).json, end.late] : undefined,
    limit: end._tag === "TimedOut" ? [end.limit, Duration.toMillis(end.after)] : undefined,
    reason: end._tag === "Cancelled" || end._tag === "NotStarted" ? shownReason(end.reason) : undefined,
    cause: end._tag === "Completed" || end._tag === "NotStarted" ? undefined : seenIn(end.cause)
  }
}

const shownReason = ({ after, because, ...rest }: Outcome.Reason): unknown => ({
  ...rest,
  after: after === undefined ? undefined : Duration.toMillis(after),
  because: because === undefined ? undefined : shownReason(because)
})

describe("The JSON of an end", () => {
  it("gives back all that can be seen of it", () => {
    const tags = new Set<string>()
    fc.assert(
      fc.property(end, (one) => {
        tags.add(one._tag)
        expect(seen(andBack(one))).toEqual(seen(one))
      }),
      { numRuns: 1_000 }
    )
    expect(tags.size).toBe(6)
  })

  it("is the same again for what was read from it", () => {
    fc.assert(
      fc.property(end, (one) => {
        expect(there(andBack(one))).toEqual(there(one))
      }),
      { numRuns: 500 }
    )
  })

  it("gives an outcome of the class that it had, at the place where it is now", () => {
    fc.assert(
      fc.property(end, index, (one, place) => {
        const read = andBack(one, place)
        expect(read.constructor).toBe(one.constructor)
        expect(read.index).toBe(place)
      })
    )
  })
})

const info1: Outcome.Info = { index: 0, attempts: 1 }

describe("A reason that is no JSON", () => {
  it.each<readonly [what: string, value: unknown, kept: Json]>([
    ["an error", new RangeError("too much"), "RangeError: too much"],
    ["a big number", 10n, "10"],
    ["no number", Number.NaN, "NaN"],
    ["a symbol", Symbol("mine"), "Symbol(mine)"],
    ["a function in a list", [() => 1], "() => 1"],
    ["a list with a gap", Array.from({ length: 2 }), ","],
    ["an instance", new Map(), "[object Map]"],
    [
      "what cannot be shown",
      {
        toString: () => {
          throw new Error("no")
        },
        self: 1n
      },
      "a value that cannot be shown"
    ]
  ])("is kept in words: %s", (_, value, kept) => {
    const read = andBack(new Outcome.NotStarted(info1, { _tag: "Requested", value }))
    expect((read as Outcome.NotStarted).reason).toEqual({ _tag: "Requested", value: kept })
  })

  it("is kept in words also where it contains itself, or throws when it is looked at", () => {
    const circle: Array<unknown> = []
    circle.push(circle, circle)
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const trap = {
      get mine() {
        throw new Error("no")
      }
    }
    for (const [value, kept] of [
      [circle, ","],
      [proxy, "a value that cannot be shown"],
      [trap, "[object Object]"]
    ] as const) {
      const read = andBack(new Outcome.NotStarted(info1, { _tag: "Aborted", value }))
      expect((read as Outcome.NotStarted).reason.value).toBe(kept)
    }
  })
})

describe("A chain of more than 32 links", () => {
  it("is kept with its first 31 links and its root", () => {
    let because: Job.Because | undefined
    let reason: Outcome.Reason | undefined
    for (let i = 99; i >= 0; i--) {
      because = {
        id: `${i}`,
        name: "n",
        status: i === 99 ? "failed" : "skipped",
        wanted: ["completed"],
        detail: "",
        ...(because === undefined ? {} : { because })
      }
      reason = { _tag: "SiblingFailed", index: i, ...(reason === undefined ? {} : { because: reason }) }
    }
    const ids: Array<string> = []
    for (
      let link: Job.Because | undefined = (andBack(new Skipped(0, "n", because!, 0, 0)) as Skipped).because;
      link !== undefined;
      link = link.because
    )
      ids.push(link.id)
    const indices: Array<number | undefined> = []
    for (
      let link: Outcome.Reason | undefined = (andBack(new Outcome.NotStarted(info1, reason!)) as Outcome.NotStarted).reason;
      link !== undefined;
      link = link.because
    )
      indices.push(link.index)
    const kept = [...Array.from({ length: 31 }, (_, i) => i), 99]
    expect(ids).toEqual(kept.map(String))
    expect(indices).toEqual(kept)
  })
})

describe("A defect", () => {
  const through = (defect: unknown): unknown => {
    const kept = JSON.parse(JSON.stringify(encodeCause(Cause.die(defect), codecs))) as Json
    return (decodeCause(kept, codecs).reasons[0] as Cause.Die).defect
  }

  it("is an error with name, message, stack and causes again", () => {
    const error = new TypeError("top", { cause: new Error("root") })
    const read = through(error) as Error
    expect(read).toBeInstanceOf(Error)
    expect([read.name, read.message, read.stack, (read.cause as Error).message]).toEqual(["TypeError", "top", error.stack, "root"])
    expect(Object.keys(read)).toEqual([])
  })

  it("is in words where it is neither an error nor JSON", () => {
    expect((through(10n) as Error).message).toBe("10")
    expect((through(undefined) as Error).message).toBe("undefined")
  })

  it("is kept as far as it can be read", () => {
    class Odd extends Error {
      override get message(): string {
        throw new Error("no")
      }
      override get name(): string {
        return 1 as never
      }
    }
    const read = through(new Odd()) as Error
    expect([read.name, read.message]).toEqual(["Error", ""])
  })

  it("is kept with eight causes of a chain, which may be a circle", () => {
    const error = new Error("again")
    error.cause = error
    let count = 0
    for (let link = through(error) as Error | undefined; link !== undefined; link = link.cause as Error | undefined) count++
    expect(count).toBe(8)
  })
})

describe("What its schema cannot write", () => {
  const odd = (json: unknown): Codecs => ({
    success: { ...codec, encode: () => json as Json },
    error: { ...codec, encode: () => json as Json }
  })

  it("is refused, and the refusal says whether it is the result or the error", () => {
    const what = (end: Job.End<unknown, unknown>, by = codecs): unknown => {
      try {
        encodeEnd(end, by)
        return "written"
      } catch (error) {
        return error instanceof NotEncodable ? [error.what, error.message] : error
      }
    }
    const completed = new Outcome.Completed(info1, 1, false)
    expect(what(completed)).toEqual(["success", "the result of the job cannot be kept: not a Value"])
    expect(what(new Outcome.Failed(info1, Cause.fail(1)))).toEqual(["error", "the error of the job cannot be kept: not a Value"])
    expect(what(new Outcome.Cancelled(info1, { _tag: "Closed" }, Cause.fail(1)))).toEqual([
      "error",
      "the error of the job cannot be kept: not a Value"
    ])
    for (const json of [undefined, 1n, Number.NaN, [undefined], { a: new Date(0) }]) {
      expect(what(completed, odd(json))).toEqual(["success", "the result of the job cannot be kept: its codec gives no JSON"])
    }
    expect(what(completed, odd({ a: undefined }))).toBe("written")
  })

  it("does not cost the end its place where only an earlier attempt failed with it", () => {
    const causes = [Cause.fail(1)]
    const read = andBack(
      new Outcome.Completed({ index: 0, attempts: 2, attemptCauses: causes }, new Value(1), false)
    ) as Outcome.Completed<unknown>
    const defect = (read.attemptCauses[0]!.reasons[0] as Cause.Die).defect as Error
    expect([defect.name, defect.message]).toEqual(["NotEncodable", "the error of the job cannot be kept: not a Value"])
  })
})

describe("What cannot be read", () => {
  it.each<readonly [what: string, json: Json]>([
    ["nothing", null],
    ["a list", []],
    ["an unknown end", { end: "Vanished" }],
    ["no attempts", { end: "Completed", value: { value: 1 } }],
    ["a value that does not fit the schema", { end: "Completed", attempts: 1, value: 1 }],
    ["an error that does not fit the schema", { end: "Failed", attempts: 1, cause: { reasons: [{ fail: 1 }] } }],
    ["no cause", { end: "Failed", attempts: 1 }],
    ["an unknown limit", { end: "TimedOut", attempts: 1, limit: "moon", after: 1, cause: { reasons: [] } }],
    ["no reason", { end: "NotStarted", attempts: 0, reason: [] }],
    ["an unknown reason", { end: "NotStarted", attempts: 0, reason: [{ tag: "Bored" }] }],
    ["times in words", { end: "NotStarted", attempts: 0, reason: [{ tag: "Closed" }], times: { at: "noon" } }],
    ["no chain", { end: "Skipped", name: "a", queuedAt: 1, endedAt: 1 }]
  ])("is told with what is kept: %s", (_, json) => {
    let thrown: unknown
    try {
      decodeEnd(json, codecs, 0)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(NotDecodable)
    expect((thrown as NotDecodable).json).toEqual(json)
    expect((thrown as NotDecodable).message).toMatch(/^what is kept of the job cannot be read: \S/)
  })
})
