/** Laws 14 and 15: any operation from inside any task, and every operation after the end. */
import * as Deadline from "@skein/core/Deadline"
import * as GatherResult from "@skein/core/GatherResult"
import * as Limiter from "@skein/core/Limiter"
import * as TaskGroup from "@skein/core/TaskGroup"
import { Simulator } from "@skein/core/testing"
import { fanOut, Hedge, Joiner, ParallelExecutor, parallelMap } from "@skein/parallel"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
import { parallelStream } from "@skein/parallel/parallelStream"
import { equal, equalWords, everywhere, isTrue, lawForAll, quiet, recorder, underEverySchedule, wordsOf } from "@skein/test/kit"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"

type Group = TaskGroup.TaskGroup<string>

/** Each is done inside of a task of `group`, which has a single place. It gives a word. */
const operations: Record<string, (group: Group, limiter: Limiter.Limiter) => Effect.Effect<string, unknown>> = {
  "spawn and forget": (group) => Effect.as(group.spawn(Effect.void), "spawned"),
  "spawn and await": (group) =>
    Effect.flatMap(group.spawn(Effect.succeed("value")), (handle) => Effect.map(handle.await, ({ status }) => status)),
  "spawn and join": (group) => Effect.flatMap(group.spawn(Effect.succeed("value")), (handle) => handle.join),
  "spawn two levels and join": (group) =>
    Effect.flatMap(
      group.spawn(Effect.flatMap(group.spawn(Effect.succeed("value")), (inner) => Effect.orDie(inner.join))),
      (handle) => handle.join
    ),
  "spawn and cancel": (group) =>
    Effect.flatMap(group.spawn(Effect.sleep(1_000)), (handle) => Effect.map(handle.cancel("no more"), ({ status }) => status)),
  "read the stats": (group) => Effect.map(group.stats, ({ running }) => `running ${running}`),
  "read the dump": (group) => Effect.map(group.dump, ({ tasks }) => `tasks ${tasks.length}`),
  "read the result": (group) => Effect.map(group.result, ({ total }) => `total ${total}`),
  "ask for the next outcome": (group) =>
    Effect.flatMap(group.spawn(Effect.succeed("value")), () =>
      Effect.map(group.next, (next) => (Option.isSome(next) ? next.value.status : "none"))
    ),
  "ask for the next outcome when nobody else is left": (group) => Effect.map(group.next, (next) => next._tag),
  "a gather inside": () =>
    Effect.map(parallelMap([1, 2, 3], Effect.succeed, { concurrency: 1 }), ({ completed }) => `completed ${completed}`),
  "a group inside": () => TaskGroup.run({}, (inner: TaskGroup.TaskGroup<never>) => Effect.as(inner.spawn(Effect.void), "done")),
  "a gather under the same limiter, twice": (_, limiter) =>
    limiter.withPermit(
      Effect.map(
        parallelMap([1, 2], (n) => limiter.withPermit(Effect.succeed(n)), { limiter }),
        ({ completed }) => `completed ${completed}`
      )
    ),
  "a fan-out that decides early": () => fanOut([Effect.as(Effect.sleep(1_000), "late"), Effect.succeed("value")], Joiner.first()),
  "a stream of outcomes inside": () =>
    Effect.map(Stream.runCollect(parallelStream([1, 2], Effect.succeed, { concurrency: 1 })), ({ length }) => `outcomes ${length}`),
  "a call of the executor that runs this task, three levels deep": () =>
    Effect.scoped(
      Effect.gen(function* () {
        const executor = yield* ParallelExecutor.make({ concurrency: 1 })
        const level = (depth: number): Effect.Effect<number, unknown> =>
          depth === 0
            ? Effect.as(Effect.sleep(1), 1)
            : Effect.map(
                executor.map([1, 2], () => level(depth - 1)),
                (result) => GatherResult.values(result).reduce((a, b) => a + b, 0)
              )
        return `leaves ${yield* level(3)}`
      })
    ),
  "a hedged call under a limiter that is held": (_, limiter) =>
    limiter.withPermit(Hedge.run(limiter.withPermit(Effect.succeed("value")), { after: 0, copies: 3, limiter })),
  "a keyed limiter inside of itself, under another key": () =>
    Effect.suspend(() => {
      const keyed = KeyedLimiter.makeUnsafe({ permits: 1 })
      return keyed.for("a").withPermit(keyed.for("b").withPermit(Effect.succeed("value")))
    }),
  "an adaptive limiter inside of itself": () =>
    Effect.suspend(() => {
      const limiter = AdaptiveLimiter.makeUnsafe({ min: 1, initial: 1, max: 1 })
      return limiter.withPermit(limiter.withPermit(Effect.succeed("value")))
    }),
  "a deadline inside a permit inside a deadline": (_, limiter) =>
    Deadline.within(limiter.withPermit(Deadline.within(limiter.withPermit(Effect.succeed("done")), 5)), 10)
}

const answers: Record<keyof typeof operations, string> = {
  "spawn and forget": "spawned",
  "spawn and await": "completed",
  "spawn and join": "value",
  "spawn two levels and join": "value",
  "spawn and cancel": "notStarted",
  "read the stats": "running 1",
  "read the dump": "tasks 1",
  "read the result": "total 0",
  "ask for the next outcome": "completed",
  "ask for the next outcome when nobody else is left": "None",
  "a gather inside": "completed 3",
  "a group inside": "done",
  "a gather under the same limiter, twice": "completed 2",
  "a fan-out that decides early": "value",
  "a stream of outcomes inside": "outcomes 2",
  "a call of the executor that runs this task, three levels deep": "leaves 8",
  "a hedged call under a limiter that is held": "value",
  "a keyed limiter inside of itself, under another key": "value",
  "an adaptive limiter inside of itself": "value",
  "a deadline inside a permit inside a deadline": "done"
}

describe("law 14: any operation may be called from inside any task", () => {
  for (const [name, operation] of Object.entries(operations)) {
    it(name, () => {
      let answer = ""
      const program = () =>
        Effect.gen(function* () {
          answer = ""
          const limiter = yield* Limiter.make({ permits: 1 })
          yield* TaskGroup.run({ concurrency: 1 }, (group: Group) =>
            group.spawn(
              Effect.map(Effect.orDie(operation(group, limiter)), (word) => {
                answer = word
              })
            )
          )
        })
      return everywhere(undefined, {
        program,
        seeds: 400,
        after: ({ interrupted }) => (interrupted === undefined ? equal("answer", answer, answers[name]) : undefined)
      })
    })
  }

  it("a task that cancels its group, or itself, is interrupted and not waited for by itself", () => {
    let words: Array<string> = []
    const program = () =>
      TaskGroup.run({ onFailure: "isolate", concurrency: 2, onOutcome: (outcome) => words.push(outcome.status) }, (group) =>
        Effect.gen(function* () {
          words = []
          const self: TaskGroup.Handle<unknown, unknown> = yield* group.spawn(
            Effect.andThen(
              Effect.sleep(1),
              Effect.suspend(() => self.cancel("myself"))
            )
          )
          yield* group.spawn(Effect.andThen(Effect.sleep(3), group.cancel("all")))
        })
      )
    return everywhere(undefined, {
      program,
      after: ({ interrupted }) =>
        interrupted === undefined ? isTrue(`outcomes: ${words.join()}`, words[0] === "cancelled" && words.length === 2) : undefined
    })
  })
})

describe("law 14: a wait that could never end is refused, with the reason", () => {
  const refused = (name: string, message: RegExp, program: () => Effect.Effect<unknown, unknown>): void =>
    it(name, () => {
      let text = ""
      return underEverySchedule(undefined, {
        program: () =>
          Effect.map(Effect.exit(program()), (exit) => {
            text = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "it succeeded"
          }),
        after: () => expect(text).toMatch(message)
      }).then(() => undefined)
    })

  refused("a task that awaits itself", /waits for its own end, which would never come/, () =>
    TaskGroup.run({}, (group: Group) =>
      Effect.gen(function* () {
        const self: TaskGroup.Handle<unknown, string> = yield* group.spawn(
          Effect.andThen(
            Effect.sleep(1),
            Effect.suspend(() => self.await)
          )
        )
      })
    )
  )

  refused("a task that joins its own group", /of the same group waits for the whole group and so for itself/, () =>
    TaskGroup.run({}, (group: Group) => group.spawn(group.join))
  )

  refused("more permits than there are", /RangeError: .*must be/, () =>
    Effect.flatMap(Limiter.make({ permits: 2 }), (limiter) => limiter.withPermits(3)(Effect.void))
  )

  refused(
    "two limiters taken in both orders, with the cycle written out",
    /LimiterCycle.*holds limiter "[ab]".*waits for limiter "[ab]".*held by/s,
    () =>
      Effect.gen(function* () {
        const a = yield* Limiter.make({ permits: 1, name: "a" })
        const b = yield* Limiter.make({ permits: 1, name: "b" })
        const move = (from: Limiter.Limiter, to: Limiter.Limiter) =>
          from.withPermit(Effect.andThen(Effect.sleep(1), to.withPermit(Effect.void)))
        return yield* Effect.all([move(a, b), move(b, a)], { concurrency: 2, discard: true })
      })
  )
})

describe("law 14: what waits is seen", () => {
  it("a dump and a deadlock report say who waits for what", async () => {
    let dumped = ""
    const program = () =>
      TaskGroup.run({ name: "shop" }, (group: Group) =>
        Effect.gen(function* () {
          const limiter = yield* Limiter.make({ permits: 1, name: "till" })
          yield* group.spawn(limiter.withPermit(Effect.never), { name: "customer" })
          yield* Effect.sleep(1)
          yield* group.spawn(limiter.withPermit(Effect.void), { name: "next" })
          yield* Effect.sleep(1)
          dumped = TaskGroup.format(yield* group.dump)
        })
      )
    const run = await Simulator.run(() => quiet(program()))
    expect(dumped).toMatch(/next: running.*waits for a permit of limiter "till" \(1 of 1 taken\)/)
    expect(run.verdict).toBe("deadlock")
    expect(run.report).toMatch(/"next" waits for a permit of limiter "till" \(1 of 1 taken\), held by .*"customer"/)
  })
})

lawForAll("law 14: nested use of one limiter works at every size", (subject) => {
  let words: Array<string> = []
  return underEverySchedule(subject, {
    program: () =>
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        // The outer call holds the only permit while it waits for the inner one.
        const inner = subject.run([{ name: "a", takes: 1 }, { name: "b" }], { concurrency: 2 }, recorder())
        const result = yield* parallelMap(
          [1, 2],
          () => Effect.flatMap(limiter.withPermit(inner), (answer) => Effect.succeed(wordsOf(answer.result).join())),
          { limiter }
        )
        words = GatherResult.values(result)
      }),
    after: () => equalWords("outcomes", words, ["completed,completed", "completed,completed"])
  })
})

describe("law 15: after close, operations answer and nothing runs", () => {
  for (const form of ["run", "make"] as const) {
    it(`TaskGroup.${form}`, () => {
      let ran = 0
      let seen: Array<unknown> = []
      const run = Effect.sync(() => ran++)
      const closed: Effect.Effect<TaskGroup.IsolatedGroup> =
        form === "run"
          ? TaskGroup.run({ onFailure: "isolate" }, (group) => Effect.succeed(group))
          : Effect.scoped(TaskGroup.make({ onFailure: "isolate" }))
      return everywhere(undefined, {
        program: () =>
          Effect.gen(function* () {
            ran = 0
            seen = []
            const group = yield* closed
            const handle = yield* group.spawn(run)
            const outcome = yield* handle.await
            const joined = yield* Effect.exit(handle.join)
            const next = yield* group.next
            yield* group.join
            yield* group.cancel()
            yield* Effect.sleep(100)
            const error = Exit.isFailure(joined) ? joined.cause.reasons.find(Cause.isFailReason)?.error : undefined
            seen = [outcome.status, error instanceof TaskGroup.TaskNotCompleted, Option.isSome(next)]
          }),
        after: ({ interrupted }) => {
          equal("ran after close", ran, 0)
          if (interrupted === undefined) equalWords("spawn, join, next", seen, ["notStarted", true, true])
        }
      })
    })
  }

  it("what was queued when a group ended never runs", () => {
    let ran = 0
    return everywhere(undefined, {
      program: () =>
        Effect.suspend(() => {
          ran = 0
          return Effect.andThen(
            Effect.exit(
              TaskGroup.run({ concurrency: 1 }, (group: Group) =>
                group.spawn(
                  Effect.andThen(
                    Effect.forEach([1, 2, 3], () => group.spawn(Effect.sync(() => ran++))),
                    Effect.fail("no")
                  )
                )
              )
            ),
            Effect.sleep(100)
          )
        }),
      // A task that a stranger interrupts has not failed: then the others go on.
      after: ({ interrupted }) => (interrupted === undefined || interrupted === "main" ? equal("ran", ran, 0) : undefined)
    })
  })
})
