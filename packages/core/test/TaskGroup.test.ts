import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, it } from "vitest"
import * as GatherResult from "../src/GatherResult.ts"
import * as Outcome from "../src/Outcome.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { always, failLater, type Group, logged, reasonOf, reasons, words } from "./groupKit.ts"

describe("TaskGroup.run", () => {
  it("returns the body's value after the last task has ended with its finalizers", () =>
    always(() => {
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => void events.push(event))
      return TaskGroup.run({}, (group: Group) =>
        Effect.gen(function* () {
          yield* group.spawn(Effect.ensuring(Effect.sleep(10), Effect.andThen(Effect.sleep(5), note("task is clean"))))
          yield* note("body is done")
          return "value"
        })
      ).pipe(
        Effect.tap(note("returned")),
        Effect.map((value) => [...events, value])
      )
    }, ["body is done", "task is clean", "returned", "value"]))

  it("waits for tasks that tasks have spawned", () =>
    always(() => {
      let ended = 0
      return TaskGroup.run({}, (group: Group) => {
        const level = (n: number): Effect.Effect<void> =>
          Effect.gen(function* () {
            if (n > 0) for (let i = 0; i < 2; i++) yield* group.spawn(level(n - 1))
            yield* Effect.sleep(1)
            ended++
          })
        return group.spawn(level(3))
      }).pipe(Effect.map(() => ended))
    }, 15))

  it("starts tasks in the order of spawning", () =>
    always(() => {
      const started: Array<number> = []
      return TaskGroup.run({ concurrency: 1 }, (group: Group) =>
        Effect.forEach([0, 1, 2, 3, 4, 5], (i) =>
          group.spawn(
            Effect.andThen(
              Effect.sync(() => started.push(i)),
              Effect.sleep(1)
            )
          )
        )
      ).pipe(Effect.map(() => started))
    }, [0, 1, 2, 3, 4, 5]))

  it("starts all high tasks before the first normal one, and those before the low ones", () =>
    always(() => {
      const started: Array<string> = []
      return TaskGroup.run({ concurrency: 1 }, (group: Group) =>
        group.spawn(
          Effect.forEach(["low", "normal", "high", "low", "high"] as const, (priority, i) =>
            group.spawn(
              Effect.sync(() => void started.push(`${priority} ${i}`)),
              { priority }
            )
          )
        )
      ).pipe(Effect.map(() => started))
    }, ["high 2", "high 4", "normal 1", "low 0", "low 3"]))

  it("gives tasks the services of the place where they are spawned", () => {
    const Name = Context.Reference<string>("Name", { defaultValue: () => "nobody" })
    return always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* Effect.provideService(group.spawn(Effect.service(Name)), Name, "ada")
            return yield* Effect.orDie(handle.join)
          })
        ),
      "ada"
    )
  })

  it("runs 20,000 tasks that each spawn the next without filling the stack", () =>
    always(
      () => {
        let count = 0
        return TaskGroup.run({}, (group: Group) => {
          const next: Effect.Effect<unknown> = Effect.suspend(() => (++count < 20_000 ? group.spawn(next) : Effect.void))
          return group.spawn(next)
        }).pipe(Effect.map(() => count))
      },
      20_000,
      1
    ))

  it("keeps the children of a task inside it: they are interrupted when its code has ended, before its outcome is known", () =>
    always(() => {
      const events: Array<string> = []
      return TaskGroup.run({}, (group: Group) =>
        Effect.gen(function* () {
          const handle = yield* group.spawn(
            Effect.gen(function* () {
              const slow = Effect.andThen(
                Effect.sleep(3),
                Effect.sync(() => void events.push("child is clean"))
              )
              yield* Effect.forkChild(
                Effect.onInterrupt(Effect.never, () => slow),
                { startImmediately: true }
              )
              events.push("code has ended")
            })
          )
          events.push((yield* handle.await).status)
          return events
        })
      )
    }, ["code has ended", "child is clean", "completed"]))

  describe("with onFailure interrupt", () => {
    it("fails with exactly the original typed error once the siblings are clean", () =>
      always(() => {
        const events: Array<string> = []
        return Effect.exit(
          TaskGroup.run({}, (group: Group<string>) =>
            Effect.gen(function* () {
              const clean = Effect.andThen(
                Effect.sleep(5),
                Effect.sync(() => void events.push("sibling is clean"))
              )
              yield* group.spawn(Effect.onInterrupt(Effect.never, () => clean))
              yield* group.spawn(failLater("boom"))
            })
          )
        ).pipe(Effect.map((exit) => [...events, ...reasons(exit)]))
      }, ["sibling is clean", "fail boom"]))

    it("shows Effect.catch the error though a sibling's cleanup died, and keeps that defect with its task's index", () =>
      always(
        () =>
          TaskGroup.run({}, (group: Group<string>) =>
            Effect.gen(function* () {
              yield* group.spawn(
                Effect.onInterrupt(Effect.never, () => Effect.die("broken cleanup")),
                { name: "messy" }
              )
              yield* group.spawn(failLater("boom"))
            })
          ).pipe(
            Effect.catchCause((cause) => {
              const partial = GatherResult.fromCause(cause)!
              const dies = GatherResult.errors(partial).map(
                ({ cause, index, name }) => `${index} ${name} ${reasons(Exit.failCause(cause)).join(", ")}`
              )
              return Effect.catch(Effect.failCause(cause), (error) => Effect.succeed([error, ...dies]))
            })
          ),
        ["boom", "0 messy interrupt, die broken cleanup", "1 undefined fail boom"]
      ))

    it("keeps what had finished as the partial result on the cause", () =>
      always(
        () =>
          Effect.exit(
            TaskGroup.run({ concurrency: 3 }, (group: Group<string>) =>
              group.spawn(
                Effect.gen(function* () {
                  yield* group.spawn(Effect.succeed("kept"))
                  yield* group.spawn(failLater("boom"))
                  yield* group.spawn(Effect.never)
                  yield* group.spawn(Effect.never)
                  return yield* Effect.never
                })
              )
            )
          ).pipe(Effect.map((exit) => (Exit.isFailure(exit) ? words(GatherResult.fromCause(exit.cause)) : []))),
        ["0 cancelled", "1 completed", "2 failed", "3 cancelled", "4 notStarted"]
      ))

    it("names the sibling that failed in the reason of each one it stopped, those that never started too", () =>
      always(
        () =>
          Effect.exit(
            TaskGroup.run({ concurrency: 2 }, (group: Group<string>) =>
              group.spawn(
                Effect.gen(function* () {
                  yield* group.spawn(failLater("boom"), { name: "billing" })
                  yield* group.spawn(Effect.never)
                  return yield* Effect.never
                })
              )
            )
          ).pipe(Effect.map((exit) => (Exit.isFailure(exit) ? GatherResult.fromCause(exit.cause)!.list.map(reasonOf) : []))),
        [`sibling 1 "billing" failed`, "failed", `sibling 1 "billing" failed`]
      ))

    it("interrupts the body, with the reason in its cause", () =>
      always(() => {
        const events: Array<string> = []
        return Effect.exit(
          TaskGroup.run({}, (group: Group<string>) =>
            Effect.gen(function* () {
              yield* group.spawn(failLater("boom"), { name: "a" })
              return yield* Effect.never
            }).pipe(
              Effect.onExit((exit) =>
                Effect.sync(() => {
                  if (Exit.isFailure(exit)) events.push(Outcome.formatReason(Outcome.reasonFromCause(exit.cause)!))
                })
              )
            )
          )
        ).pipe(Effect.map((exit) => [...events, ...reasons(exit)]))
      }, [`sibling 0 "a" failed`, "fail boom"]))

    it("waits for a body that cannot be interrupted, and fails with the task's error all the same", () =>
      always(() => {
        const events: Array<string> = []
        return Effect.exit(
          TaskGroup.run({}, (group: Group<string>) =>
            Effect.gen(function* () {
              yield* group.spawn(failLater("boom"))
              yield* Effect.sleep(50)
              events.push("paid")
              return "value"
            }).pipe(Effect.uninterruptible)
          )
        ).pipe(Effect.map((exit) => [...events, ...reasons(exit)]))
      }, ["paid", "fail boom"]))

    it("does not lose what the body fails with after a task has failed: it is logged", () =>
      always(() => {
        const lines: Array<string> = []
        return logged(
          lines,
          Effect.exit(
            TaskGroup.run({ name: "crawl" }, (group: Group<string>) =>
              Effect.gen(function* () {
                yield* group.spawn(failLater("boom"))
                return yield* Effect.onInterrupt(Effect.never, () => Effect.die("broken body"))
              })
            )
          )
        ).pipe(Effect.map((exit) => [...lines, ...reasons(exit)]))
      }, ["Error | skein: the body of crawl failed too, after a task had failed | Die", "fail boom"]))

    it("does not log a failure that the body only passed on from a task it joined", () =>
      always(() => {
        const lines: Array<string> = []
        return logged(
          lines,
          Effect.exit(
            TaskGroup.run({}, (group: Group<Error>) =>
              Effect.uninterruptible(
                Effect.flatMap(group.spawn(Effect.andThen(Effect.sleep(1), Effect.fail(new Error("boom")))), (h) => h.join)
              )
            )
          )
        ).pipe(Effect.map((exit) => [...lines, ...reasons(exit)]))
      }, ["fail Error: boom"]))

    it("gives a task that fails after it was asked to stop as cancelled, with its cause", () =>
      always(
        () =>
          Effect.exit(
            TaskGroup.run({}, (group: Group<string>) =>
              Effect.gen(function* () {
                yield* group.spawn(Effect.uninterruptible(failLater("declined", 10)))
                yield* group.spawn(failLater("boom"))
              })
            )
          ).pipe(
            Effect.map((exit) =>
              Exit.isFailure(exit)
                ? GatherResult.errors(GatherResult.fromCause(exit.cause)!).map(({ cause, index }) =>
                    [index, ...reasons(Exit.failCause(cause))].join(" ")
                  )
                : []
            )
          ),
        ["0 fail declined", "1 fail boom"]
      ))

    it("does not fail when a task times out or is cancelled", () =>
      always(
        () =>
          TaskGroup.run({}, (group: Group<string>) =>
            Effect.gen(function* () {
              const late = yield* group.spawn(Effect.never, { timeout: 5 })
              const cancelled = yield* group.spawn(Effect.never)
              return [(yield* late.await).status, (yield* cancelled.cancel()).status]
            })
          ),
        ["timeout", "cancelled"]
      ))

    it("treats a task that died like one that failed", () =>
      always(() => Effect.map(Effect.exit(TaskGroup.run({}, (group: Group) => group.spawn(Effect.die("bug")))), reasons), ["die bug"]))

    it.each([undefined, null, 0, "word"])("keeps a defect of %s as it is", (defect) =>
      always(
        () => Effect.map(Effect.exit(TaskGroup.run({}, (group: Group) => group.spawn(Effect.die(defect)))), reasons),
        [`die ${String(defect)}`],
        10
      )
    )
  })

  describe("with onFailure collect", () => {
    it("lets all finish, and then fails with every cause once", () =>
      always(() => {
        const ended: Array<number> = []
        return Effect.exit(
          TaskGroup.run({ onFailure: "collect" }, (group: Group<string>) =>
            Effect.forEach([0, 1, 2, 3], (i) =>
              group.spawn(
                i % 2 === 0
                  ? failLater(`boom ${i}`, i)
                  : Effect.andThen(
                      Effect.sleep(10),
                      Effect.sync(() => ended.push(i))
                    )
              )
            )
          )
        ).pipe(Effect.map((exit) => [...ended.sort(), ...reasons(exit)]))
      }, [1, 3, "fail boom 0", "fail boom 2"]))

    it("has a cause once though the body joined the task that failed with it", () =>
      always(
        () =>
          Effect.exit(
            TaskGroup.run({ onFailure: "collect" }, (group: Group<Error>) =>
              Effect.flatMap(group.spawn(Effect.fail(new Error("boom"))), (handle) => handle.join)
            )
          ).pipe(Effect.map(reasons)),
        ["fail Error: boom"]
      ))

    it("has what the body failed with beside what the tasks failed with", () =>
      always(
        () =>
          Effect.exit(
            TaskGroup.run({ onFailure: "collect" }, (group: Group<string>) =>
              Effect.andThen(group.spawn(Effect.fail("task")), failLater("body"))
            )
          ).pipe(Effect.map(reasons)),
        ["fail body", "fail task"]
      ))
  })

  describe("with onFailure isolate", () => {
    it("accepts any error, and never fails by a task", () =>
      always(
        () =>
          TaskGroup.run({ onFailure: "isolate" }, (group) =>
            Effect.gen(function* () {
              yield* group.spawn(Effect.fail("one"))
              yield* group.spawn(Effect.fail(new Error("two")))
              yield* group.spawn(Effect.die("three"))
              const kept = yield* group.spawn(Effect.as(Effect.sleep(5), "kept"))
              yield* group.join
              const { value } = (yield* kept.await) as Outcome.Completed<string>
              return [value, ...words(yield* group.result)]
            })
          ),
        ["kept", "0 failed", "1 failed", "2 failed", "3 completed"]
      ))
  })

  describe("whose body fails or dies", () => {
    it.each([
      ["fails", Effect.fail("no"), "fail no"],
      ["dies", Effect.die("bug"), "die bug"]
    ])("cancels the tasks, waits for their cleanup and %s with it", (_, end, expected) =>
      always(() => {
        const events: Array<string> = []
        return Effect.exit(
          TaskGroup.run({}, (group: Group) =>
            Effect.gen(function* () {
              const clean = Effect.andThen(
                Effect.sleep(5),
                Effect.sync(() => void events.push("clean"))
              )
              yield* group.spawn(Effect.onInterrupt(Effect.never, () => clean))
              yield* Effect.sleep(1)
              return yield* end
            })
          )
        ).pipe(Effect.map((exit) => [...events, ...reasons(exit)]))
      }, ["clean", expected])
    )

    it("dies with what a body throws before it gives an effect", () =>
      always(
        () =>
          Effect.exit(
            TaskGroup.run({}, (): Effect.Effect<void> => {
              throw new Error("thrown")
            })
          ).pipe(Effect.map(reasons)),
        ["die Error: thrown"]
      ))

    it("keeps the partial result on the cause", () =>
      always(
        () =>
          Effect.exit(TaskGroup.run({}, (group: Group) => Effect.andThen(group.spawn(Effect.succeed(1)), failLater("no")))).pipe(
            Effect.map((exit) => (Exit.isFailure(exit) ? words(GatherResult.fromCause(exit.cause)) : []))
          ),
        ["0 completed"]
      ))
  })

  describe("that is interrupted", () => {
    const interrupted = <A, E>(program: Effect.Effect<A, E>): Effect.Effect<Array<string>> =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(program)
        yield* Effect.sleep(5)
        yield* Fiber.interrupt(fiber)
        return reasons(yield* Fiber.await(fiber))
      })

    it("interrupts each task and the body once, and waits for their cleanup, however long", () =>
      always(() => {
        const events: Array<string> = []
        const slow = (name: string, millis: number) =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.andThen(
              Effect.sleep(millis),
              Effect.sync(() => void events.push(`${name} is clean`))
            )
          )
        const program = TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(slow("a", 2_000))
            yield* group.spawn(slow("b", 1_000))
            return yield* slow("body", 3_000)
          })
        )
        return Effect.map(interrupted(program), (exit) => [...events, ...exit])
      }, ["b is clean", "a is clean", "body is clean", "interrupt"]))

    it("keeps what the cleanup of the tasks and of the body failed with", () =>
      always(() => {
        const dying = (defect: string) => Effect.onInterrupt(Effect.never, () => Effect.die(defect))
        return interrupted(TaskGroup.run({}, (group: Group) => Effect.andThen(group.spawn(dying("task")), dying("body"))))
      }, ["interrupt", "die body", "die task"]))

    it("tells its tasks why: the caller was interrupted, and what stood behind that", () =>
      always(() => {
        const seen: Array<string> = []
        const task = Effect.onExit(Effect.never, (exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) seen.push(Outcome.formatReason(Outcome.reasonFromCause(exit.cause)!))
          })
        )
        return TaskGroup.run({}, (outer: Group) =>
          Effect.gen(function* () {
            const handle = yield* outer.spawn(TaskGroup.run({}, (inner: Group) => inner.spawn(task)))
            yield* Effect.sleep(1)
            yield* handle.cancel("closed the tab")
            return seen
          })
        )
      }, ["caller interrupted ← cancelled on request: closed the tab"]))

    it("chains reasons through a body as well", () =>
      always(() => {
        const seen: Array<string> = []
        const onOutcome = (outcome: Outcome.Outcome<unknown, unknown>) => void seen.push(reasonOf(outcome))
        const inner = TaskGroup.run({ onOutcome }, (group: Group) => group.spawn(Effect.never))
        return Effect.exit(
          TaskGroup.run({}, (group: Group<string>) => Effect.andThen(group.spawn(failLater("boom"), { name: "a" }), inner))
        ).pipe(Effect.map(() => seen))
      }, [`caller interrupted ← sibling 0 "a" failed`]))

    it("hands the interruption on when parent and child are cancelled in one tick (trio#1457)", () =>
      always(() => {
        const inner = TaskGroup.run({}, (group: Group) => Effect.andThen(group.spawn(Effect.never), Effect.never))
        return Effect.gen(function* () {
          const outer = yield* Effect.forkChild(
            TaskGroup.run({}, (group: Group) => Effect.flatMap(group.spawn(inner), (handle) => Effect.andThen(handle.await, Effect.never)))
          )
          yield* Effect.sleep(1)
          yield* Effect.all([Fiber.interrupt(outer), Fiber.interrupt(outer)], { concurrency: 2 })
          return reasons(yield* Fiber.await(outer)).includes("interrupt")
        })
      }, true))

    it("ends its loops inside a region that cannot be interrupted (ZIO#4253)", () =>
      always(
        () =>
          Effect.uninterruptible(
            Effect.exit(
              TaskGroup.run({ concurrency: 1 }, (group: Group<string>) =>
                Effect.gen(function* () {
                  yield* group.spawn(failLater("boom"))
                  yield* group.spawn(Effect.never)
                })
              )
            )
          ).pipe(Effect.map(reasons)),
        ["fail boom"]
      ))
  })
})
