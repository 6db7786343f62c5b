import { it as effectIt } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect, it } from "vitest"
import * as Deadline from "../src/Deadline.ts"
import * as Outcome from "../src/Outcome.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { Simulator } from "../src/testing/index.ts"

/** Gives the same value under many schedules. */
const always = async <A>(program: () => Effect.Effect<A, unknown>, expected: NoInfer<A>, seeds = 60): Promise<void> => {
  await Simulator.check(program, {
    seeds,
    after: (run) => expect(run.exit !== undefined && Exit.isSuccess(run.exit) ? run.exit.value : run.exit).toEqual(expected)
  })
}

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

/** How it ended, and when. */
const ended = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Array<unknown>> =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(effect)
    const word = Exit.isSuccess(exit)
      ? exit.value
      : exit.cause.reasons.map((reason) => {
          if (reason._tag !== "Fail") return reason._tag === "Die" ? `die ${String(reason.defect)}` : "interrupt"
          const { error } = reason
          return error instanceof Deadline.DeadlineExceeded
            ? `deadline ${Duration.format(error.after)} at ${error.at}`
            : `fail ${String(error)}`
        })
    return [word, yield* now].flat()
  })

const millis = (left: Option.Option<Duration.Duration>): number | undefined =>
  Option.isSome(left) ? Duration.toMillis(left.value) : undefined

const cleanup = (length: number) => Effect.onInterrupt(Effect.never, () => Effect.sleep(length))

describe("Deadline.within", () => {
  it("gives the value of work that is done in time", () =>
    always(() => ended(Deadline.within(Effect.as(Effect.sleep(5), "done"), 10)), ["done", 5]))

  it("passes on what the work fails or dies with by itself", () =>
    always(
      () => Effect.all([ended(Deadline.within(Effect.fail("no"), 10)), ended(Deadline.within(Effect.die("bug"), 10))]),
      [
        ["fail no", 0],
        ["die bug", 0]
      ]
    ))

  it("passes on an interruption of the work's own", () => always(() => ended(Deadline.within(Effect.interrupt, 10)), ["interrupt", 0]))

  it("interrupts the work and fails with DeadlineExceeded after its cleanup", () =>
    always(() => ended(Deadline.within(cleanup(5), 10)), ["deadline 10ms at 10", 15]))

  it("tells the work's finalizers why", () =>
    always(() => {
      const seen: Array<string> = []
      const work = Effect.onExit(Effect.never, (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) seen.push(Outcome.formatReason(Outcome.reasonFromCause(exit.cause)!))
        })
      )
      return Effect.as(ended(Deadline.within(work, 10)), seen)
    }, ["deadline reached at 1970-01-01T00:00:00.010Z"]))

  it("lets the work win at an exact tie, whatever the order of events", () =>
    always(
      () =>
        ended(Deadline.within(Effect.andThen(Effect.sleep(3), Effect.andThen(Effect.yieldNow, Effect.as(Effect.sleep(7), "done"))), 10)),
      ["done", 10],
      500
    ))

  it("runs the work in a fiber of its own that has ended, children included, before it returns", () =>
    always(() => {
      let alive = 0
      const child = Effect.acquireUseRelease(
        Effect.sync(() => void alive++),
        () => Effect.never,
        () =>
          Effect.andThen(
            Effect.sleep(5),
            Effect.sync(() => void alive--)
          )
      )
      return Effect.gen(function* () {
        const end = yield* ended(Deadline.within(Effect.andThen(Effect.forkChild(child), Effect.sleep(100)), 10))
        return [...end, alive]
      })
    }, ["deadline 10ms at 10", 15, 0]))

  it("starts nothing when its length is zero", () =>
    always(() => {
      let ran = false
      return Effect.map(
        ended(
          Deadline.within(
            Effect.sync(() => (ran = true)),
            0
          )
        ),
        (end) => [...end, ran]
      )
    }, ["deadline 0 at 0", 0, false]))

  it("has no end with an infinite length", () =>
    always(() => ended(Deadline.within(Effect.as(Effect.sleep("1000 days"), "done"), "Infinity")), ["done", 86_400_000_000]))

  it("gives its work the services of its own place", () => {
    const Name = Context.Reference<string>("Name", { defaultValue: () => "nobody" })
    return always(() => Effect.provideService(Deadline.within(Effect.service(Name), 10), Name, "ada"), "ada", 5)
  })

  it.each([[-1], ["-1 second"], [Number.NaN], ["soon"], [{ length: 5 }]])("refuses %o as a length", (duration) => {
    expect(() => Deadline.within(Effect.void, duration as Duration.Input)).toThrow(RangeError)
    expect(() => Deadline.within(Effect.void, duration as Duration.Input)).toThrow(
      "Deadline.within: duration must be a duration that is not negative, got "
    )
  })

  it("refuses what is no effect", () => {
    expect(() => Deadline.within(42 as never, 10)).toThrow(new TypeError("Deadline.within: self must be an Effect, got 42"))
  })

  describe("of work that was asked to stop", () => {
    it("returns a value that still comes: a payment that went through is not thrown away", () =>
      always(() => ended(Deadline.within(Effect.uninterruptible(Effect.as(Effect.sleep(20), "paid")), 10)), ["paid", 20]))

    it("keeps what it fails with then at the cause of DeadlineExceeded", () =>
      always(
        () =>
          Effect.flip(Deadline.within(Effect.uninterruptible(Effect.andThen(Effect.sleep(20), Effect.fail("declined"))), 10)).pipe(
            Effect.map((error) =>
              error instanceof Deadline.DeadlineExceeded ? error.cause.reasons.map((r) => r._tag === "Fail" && r.error) : error
            )
          ),
        ["declined"]
      ))

    it("keeps what its cleanup dies with at the cause of DeadlineExceeded", () =>
      always(
        () =>
          Effect.flip(
            Deadline.within(
              Effect.onInterrupt(Effect.never, () => Effect.die("broken")),
              10
            )
          ).pipe(Effect.map((error) => error.cause.reasons.map((r) => r._tag))),
        ["Interrupt", "Die"]
      ))

    it.each([
      ["value", Effect.succeed("value"), "value"],
      ["error", Effect.fail("boom"), "fail boom"]
    ])("keeps the %s of work whose code was done and whose children were still cleaning up", (_, end, expected) =>
      always(
        () => ended(Deadline.within(Effect.andThen(Effect.forkChild(cleanup(50), { startImmediately: true }), end), 10)),
        [expected, 50],
        // Under other seeds the child may be interrupted before its cleanup is installed.
        1
      )
    )

    it("logs after 10 s that it is waited for", () =>
      always(() => {
        const lines: Array<unknown> = []
        const logger = Logger.make(({ date, message }) => void lines.push(date.getTime(), String(message)))
        return Effect.as(
          Effect.provideService(ended(Deadline.within(cleanup(60_000), 10)), Logger.CurrentLoggers, new Set([logger])),
          lines
        )
      }, [10_010, "skein: Deadline.within has waited 10 s for the cleanup of work that was asked to stop"]))
  })

  describe("that is interrupted", () => {
    const interrupted = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(effect)
        yield* Effect.sleep(5)
        yield* Fiber.interrupt(fiber)
        return yield* ended(Fiber.join(fiber))
      })

    it("waits for the cleanup of the work", () => always(() => interrupted(Deadline.within(cleanup(100), 10)), ["interrupt", 105]))

    it("keeps what that cleanup fails with, as plain Effect does", () =>
      always(
        () =>
          interrupted(
            Deadline.within(
              Effect.onInterrupt(Effect.never, () => Effect.die("broken")),
              10
            )
          ),
        ["interrupt", "die broken", 5]
      ))

    it("logs after 10 s that it is waited for, also where the deadline has been reached and answered meanwhile", () =>
      always(() => {
        const lines: Array<unknown> = []
        const logger = Logger.make(({ date }) => void lines.push(date.getTime()))
        const answer = TaskGroup.run({}, (group: TaskGroup.TaskGroup<never>) => Effect.andThen(group.spawn(cleanup(10)), group.join))
        const work = Deadline.within(Effect.andThen(answer, Effect.void).pipe(Effect.ensuring(Effect.sleep(30_000))), 2)
        return Effect.as(Effect.provideService(interrupted(work), Logger.CurrentLoggers, new Set([logger])), lines)
      }, [10_005]))

    it("is no deadline: nobody is told of one", () =>
      always(() => {
        const seen: Array<string> = []
        const work = Effect.onExit(Effect.never, (exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) seen.push(Outcome.reasonFromCause(exit.cause)!._tag)
          })
        )
        return Effect.as(interrupted(Deadline.within(work, 10)), seen)
      }, ["CallerInterrupted"]))
  })

  describe("inside another", () => {
    it.each([
      ["the inner one", 5, 10, "inner", 5],
      ["the outer one", 10, 5, "outer", 5]
    ])("fires %s where it is tighter, and is never reported as the other (kotlinx#67)", (_, inner, outer, who, at) =>
      always(
        () =>
          Effect.gen(function* () {
            const both = Deadline.within(
              Effect.catchTag(Deadline.within(Effect.never, inner), "DeadlineExceeded", () => Effect.succeed("inner")),
              outer
            )
            const answer = yield* Effect.catchTag(both, "DeadlineExceeded", () => Effect.succeed("outer"))
            return [answer, yield* now]
          }),
        [who, at]
      )
    )

    it("reports the outer instant where that was reached before the work could start", () =>
      always(
        () =>
          Deadline.within(
            Effect.gen(function* () {
              yield* TaskGroup.run({}, (group: TaskGroup.TaskGroup<never>) => Effect.andThen(group.spawn(Effect.never), group.join))
              return (yield* Effect.flip(Deadline.within(Effect.void, "1 hour"))).at
            }),
            10
          ),
        10
      ))

    it("is not swallowed by what catches the inner one (kotlinx#1374)", () =>
      always(() => ended(Deadline.within(Effect.ignore(Deadline.within(Effect.never, 50)), 10)), ["deadline 10ms at 10", 10]))
  })
})

describe("Deadline: answers from the inside out", () => {
  const group = (tasks: ReadonlyArray<Effect.Effect<unknown>>) =>
    TaskGroup.run({}, (group: TaskGroup.TaskGroup<never>) =>
      Effect.gen(function* () {
        for (const task of tasks) yield* group.spawn(task)
        yield* group.join
        return (yield* group.result).list.map((outcome) => outcome.status).join(" ")
      })
    )

  it("gives what a group inside had finished, instead of losing it", () =>
    always(() => ended(Deadline.within(group([Effect.sleep(1), Effect.sleep(2), Effect.never]), 10)), ["completed completed timeout", 10]))

  it("waits for the cleanup of the group's tasks, however long", () =>
    always(() => ended(Deadline.within(group([cleanup(5_000)]), 10)), ["timeout", 5_010]))

  it("gives the code behind the answer one second, and not more", () =>
    always(
      () =>
        Effect.all([
          ended(Deadline.within(Effect.tap(group([Effect.never]), Effect.sleep(1_000)), 10)),
          ended(Deadline.within(Effect.tap(group([Effect.never]), Effect.sleep(1_001)), 10))
        ]),
      [
        ["timeout", 1_010],
        ["deadline 10ms at 1020", 2_020]
      ]
    ))

  it("waits for the last of several answers", () =>
    always(
      () =>
        ended(
          Deadline.within(
            Effect.map(Effect.all([group([cleanup(20)]), group([cleanup(500)]), group([Effect.never])], { concurrency: 3 }), (all) =>
              all.join()
            ),
            10
          )
        ),
      ["timeout,timeout,timeout", 510]
    ))

  it("passes through nested deadlines: the outer one answers with what the inner call had", () =>
    always(() => ended(Deadline.within(Deadline.within(group([Effect.sleep(1), Effect.never]), "1 hour"), 10)), ["completed timeout", 10]))

  it("interrupts at once what holds no such call any more", () =>
    always(() => ended(Deadline.within(Effect.andThen(group([Effect.sleep(1)]), Effect.never), 10)), ["deadline 10ms at 10", 10]))

  it("does not wait for an answer when the caller is interrupted", () =>
    always(
      () =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(Deadline.within(Effect.andThen(group([cleanup(5)]), Effect.never), 10))
          yield* Effect.sleep(12)
          yield* Fiber.interrupt(fiber)
          return yield* now
        }),
      15
    ))
})

describe("Deadline.current and remaining", () => {
  it("are None outside of any deadline", () =>
    always(() => Effect.all([Deadline.current, Deadline.remaining]), [Option.none(), Option.none()], 5))

  it("give the tightest one, also to forked children", () =>
    always(
      () =>
        Deadline.within(
          Effect.gen(function* () {
            yield* Effect.sleep(4)
            const read = Deadline.within(
              Effect.flatMap(Effect.forkChild(Effect.all([Deadline.current, Deadline.remaining])), Fiber.join),
              100
            )
            const [current, left] = yield* read
            return [Option.getOrUndefined(current)?.at, millis(left)]
          }),
          10
        ),
      [10, 6]
    ))

  it("do not go below zero", () =>
    always(() => {
      const seen: Array<number | undefined> = []
      const work = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          Effect.sleep(5),
          Effect.map(Deadline.remaining, (left) => void seen.push(millis(left)))
        )
      )
      return Effect.as(Effect.exit(Deadline.within(work, 10)), seen)
    }, [0]))

  it("do not bind what outlives the work", () =>
    always(
      () =>
        Effect.gen(function* () {
          const fiber = yield* Deadline.within(Effect.forkDetach(Effect.andThen(Effect.sleep(20), Deadline.remaining)), 10)
          return yield* Fiber.join(fiber)
        }),
      Option.none()
    ))
})

describe("Deadline.extend", () => {
  it("moves the innermost deadline, and gives the time that is left then", () =>
    always(
      () =>
        ended(
          Deadline.within(
            Effect.gen(function* () {
              yield* Effect.sleep(5)
              const left = millis(yield* Deadline.extend(20))
              yield* Effect.sleep(20)
              return left
            }),
            10
          )
        ),
      [25, 25]
    ))

  it("reports the length with its extensions", () =>
    always(() => ended(Deadline.within(Effect.andThen(Deadline.extend(20), Effect.never), 10)), ["deadline 30ms at 30", 30]))

  it("does not move an outer deadline, which still binds", () =>
    always(
      () =>
        ended(
          Deadline.within(
            Deadline.within(
              Effect.gen(function* () {
                const left = millis(yield* Deadline.extend("1 hour"))
                expect(left).toBe(10)
                return yield* Effect.never
              }),
              5
            ),
            10
          )
        ),
      ["deadline 10ms at 10", 10]
    ))

  it("does nothing where there is no deadline", () => always(() => Deadline.extend(10), Option.none(), 5))

  it("does nothing when it has been reached", () =>
    always(
      () =>
        ended(
          Deadline.within(
            Effect.gen(function* () {
              yield* TaskGroup.run({}, (group: TaskGroup.TaskGroup<never>) => Effect.andThen(group.spawn(Effect.never), group.join))
              yield* Deadline.extend("1 hour")
              return yield* Effect.never
            }),
            10
          )
        ),
      ["deadline 10ms at 10", 1_010]
    ))

  it.each([[-1], ["soon"]])("refuses %o", (by) => {
    expect(() => Deadline.extend(by as Duration.Input)).toThrow("Deadline.extend: by must be a duration that is not negative, got ")
  })
})

describe("Deadline: clocks", () => {
  effectIt.effect("works under TestClock", () =>
    Effect.gen(function* () {
      const late = yield* Effect.forkChild(Effect.flip(Deadline.within(Effect.never, "1 hour")))
      const done = yield* Effect.forkChild(Deadline.within(Effect.as(Effect.sleep("59 minutes"), "done"), "1 hour"))
      const tie = yield* Effect.forkChild(Deadline.within(Effect.as(Effect.sleep("1 hour"), "tie"), "1 hour"))
      yield* TestClock.adjust("1 hour")
      expect([(yield* Fiber.join(late))._tag, yield* Fiber.join(done), yield* Fiber.join(tie)]).toEqual(["DeadlineExceeded", "done", "tie"])
    })
  )

  effectIt.live("works on the live clock, which is real here", () =>
    Effect.gen(function* () {
      const before = performance.now()
      const error = yield* Effect.flip(Deadline.within(Effect.never, 20))
      expect(performance.now() - before).toBeGreaterThanOrEqual(19)
      expect(Math.abs(error.at - Date.now())).toBeLessThan(5_000)
    })
  )

  it("keeps 10,000 deadlines behind one timer, and none is left afterwards", () =>
    Simulator.check(
      () =>
        Effect.gen(function* () {
          const clock = yield* Clock.Clock
          let sleeping = 0
          let most = 0
          let sleeps = 0
          const counting: Clock.Clock = Object.setPrototypeOf(
            {
              sleep: (duration: Duration.Duration) =>
                Effect.acquireUseRelease(
                  Effect.sync(() => {
                    sleeps++
                    most = Math.max(most, ++sleeping)
                  }),
                  () => clock.sleep(duration),
                  () => Effect.sync(() => void sleeping--)
                )
            },
            clock
          )
          const all = Effect.forEach(Array.from({ length: 10_000 }), (_, i) => Deadline.within(Effect.yieldNow, 1_000 + i), {
            concurrency: "unbounded"
          })
          yield* Effect.provideService(all, Clock.Clock, counting)
          yield* Effect.yieldNow
          expect([most, sleeps, sleeping]).toEqual([1, 1, 0])
        }),
      { seeds: 2, preemption: 0 }
    ))
})
