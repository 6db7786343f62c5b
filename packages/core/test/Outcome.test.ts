import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import * as Outcome from "../src/Outcome.ts"

const info: Outcome.Info = { index: 3, name: "billing", attempts: 1, queuedAt: 1_000, startedAt: 1_250.5, endedAt: 2_000.25 }
const reason: Outcome.Reason = { _tag: "Requested", value: "enough" }
const boom = Cause.fail("boom")

const all: ReadonlyArray<Outcome.Outcome<number, string>> = [
  new Outcome.Completed(info, 42, false),
  new Outcome.Failed(info, boom),
  new Outcome.TimedOut(info, "task", Duration.seconds(1), boom),
  new Outcome.Cancelled(info, reason, boom),
  new Outcome.NotStarted({ index: 3, attempts: 0 }, reason)
]

describe("Outcome", () => {
  it("is one of five cases, which match tells apart", () => {
    const words = all.map((outcome) =>
      Outcome.match(outcome, {
        onCompleted: ({ value }) => `completed ${value}`,
        onFailed: ({ cause }) => `failed ${cause.reasons.length}`,
        onTimedOut: ({ limit }) => `timed out ${limit}`,
        onCancelled: ({ reason }) => `cancelled ${reason._tag}`,
        onNotStarted: ({ reason }) => `not started ${reason._tag}`
      })
    )
    expect(words).toEqual(["completed 42", "failed 1", "timed out task", "cancelled Requested", "not started Requested"])
  })

  it("says its status in the words of the seed", () => {
    expect(all.map((outcome) => outcome.status)).toEqual(["completed", "failed", "timeout", "cancelled", "notStarted"])
  })

  it("keeps instants to the microsecond", () => {
    const { endedAt, queuedAt, startedAt } = all[0]!
    expect([queuedAt, startedAt, endedAt]).toEqual([1_000, 1_250.5, 2_000.25])
  })

  it("measures waiting and running apart", () => {
    const [completed] = all
    expect([completed!.queuedFor, completed!.ranFor].map((d) => d && Duration.toMillis(d))).toEqual([250.5, 749.75])
  })

  it("has no instants and no lengths where there were none", () => {
    const { endedAt, queuedAt, queuedFor, ranFor, startedAt } = all[4]!
    expect([queuedAt, startedAt, endedAt, queuedFor, ranFor]).toEqual([undefined, undefined, undefined, undefined, undefined])
  })

  it("counts waiting to the end where it never started", () => {
    const outcome = new Outcome.NotStarted({ index: 0, attempts: 0, queuedAt: 10, endedAt: 30 }, reason)
    expect([outcome.queuedFor && Duration.toMillis(outcome.queuedFor), outcome.ranFor]).toEqual([20, undefined])
  })

  it("knows instants at the very start of a virtual clock", () => {
    const outcome = new Outcome.Completed({ index: 0, attempts: 1, queuedAt: 0, startedAt: 0, endedAt: 0 }, 1, false)
    expect([outcome.queuedAt, outcome.startedAt, outcome.endedAt]).toEqual([0, 0, 0])
  })

  it("lists attempts and their causes, and whether it was abandoned", () => {
    const outcome = new Outcome.Failed({ index: 0, attempts: 3, attemptCauses: [boom, boom], abandoned: true }, boom)
    expect([outcome.attempts, outcome.attemptCauses.length, outcome.abandoned]).toEqual([3, 2, true])
    expect([all[0]!.attempts, all[0]!.attemptCauses, all[0]!.abandoned]).toEqual([1, [], false])
    expect(all[4]!.attempts).toBe(0)
  })

  it("shows what it knows when it is printed, and nothing else", () => {
    expect(inspect(all[0])).toContain("value: 42")
    expect(inspect(all[0])).not.toContain("undefined")
    expect(JSON.parse(JSON.stringify(all[0]))).toEqual({
      _tag: "Completed",
      index: 3,
      name: "billing",
      value: 42,
      late: false,
      attempts: 1,
      queuedAt: 1_000,
      startedAt: 1_250.5,
      endedAt: 2_000.25
    })
  })

  it("gives the cause it carries, if it does", () => {
    expect(all.map((outcome) => Outcome.cause(outcome))).toEqual([undefined, boom, boom, boom, undefined])
    expect(all.map(Outcome.isCompleted)).toEqual([true, false, false, false, false])
  })
})

describe("Outcome.formatReason", () => {
  const second = Duration.seconds(1)
  it.each<[Outcome.Reason, string]>([
    [{ _tag: "SiblingFailed", index: 3 }, "sibling 3 failed"],
    [{ _tag: "SiblingFailed", index: 3, name: "billing" }, `sibling 3 "billing" failed`],
    [{ _tag: "CallerInterrupted" }, "caller interrupted"],
    [{ _tag: "CallTimeout", after: second }, "call timed out after 1s"],
    [{ _tag: "TaskTimeout", after: second }, "task timed out after 1s"],
    [{ _tag: "DeadlineReached", at: 1_000 }, "deadline reached at 1970-01-01T00:00:01.000Z"],
    [{ _tag: "DeadlineReached", at: Infinity }, "deadline reached"],
    [{ _tag: "QueueTimeout", after: second }, "waited too long in the queue after 1s"],
    [{ _tag: "Requested" }, "cancelled on request"],
    [{ _tag: "Requested", value: "user closed the tab" }, "cancelled on request: user closed the tab"],
    [{ _tag: "Requested", value: new TypeError("bad") }, "cancelled on request: TypeError: bad"],
    [{ _tag: "Aborted", value: 7 }, "aborted: 7"],
    [{ _tag: "Stopped" }, "stopped"],
    [{ _tag: "SourceFailed" }, "source failed"],
    [{ _tag: "Decided" }, "joiner decided"],
    [{ _tag: "Decided", value: new TypeError("bad") }, "joiner threw: TypeError: bad"],
    [{ _tag: "Closed" }, "group closed"],
    [{ _tag: "ExecutorClosed" }, "executor closed"],
    [{ _tag: "ExecutorClosed", name: "api" }, 'executor "api" closed'],
    [{ _tag: "Interrupted" }, "interrupted"]
  ])("writes %o in words", (reason, words) => {
    expect(Outcome.formatReason(reason)).toBe(words)
  })

  it("writes a chain with the nearest link first", () => {
    const chain: Outcome.Reason = { _tag: "CallerInterrupted", because: { _tag: "CallerInterrupted", because: { _tag: "Closed" } } }
    expect(Outcome.formatReason(chain)).toBe("caller interrupted ← caller interrupted ← group closed")
  })

  it("shows any value, also one that cannot be shown", () => {
    const hostile = {
      toString: () => {
        throw new Error("no")
      }
    }
    expect(Outcome.formatReason({ _tag: "Requested", value: hostile })).toBe("cancelled on request: a reason that cannot be shown")
  })

  it("ends for a chain that is a ring", () => {
    const ring: { _tag: "CallerInterrupted"; because?: Outcome.Reason } = { _tag: "CallerInterrupted" }
    ring.because = ring
    expect(Outcome.formatReason(ring).split(" ← ")).toHaveLength(32)
  })
})

describe("Outcome.reasonFromCause", () => {
  it("reads in a finalizer why the fiber was interrupted", async () => {
    const seen: Array<unknown> = []
    const fiber = Effect.runFork(
      Effect.onExit(Effect.never, (exit) => Effect.sync(() => seen.push(exit._tag === "Failure" && Outcome.reasonFromCause(exit.cause))))
    )
    fiber.interruptUnsafe(undefined, Outcome.annotations(reason))
    expect(seen).toEqual([reason])
  })

  it("is undefined for causes that do not say", () => {
    expect(Outcome.reasonFromCause(Cause.interrupt(1))).toBe(undefined)
    expect(Outcome.reasonFromCause(Cause.empty)).toBe(undefined)
  })
})
