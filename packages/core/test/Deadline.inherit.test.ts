import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Duration from "effect/Duration"
import { describe, expect, it } from "vitest"
import * as Deadline from "../src/Deadline.ts"
import * as Progress from "../src/Progress.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { Simulator } from "../src/testing/index.ts"

/** Gives the same value under many schedules, and leaves no fiber and no timer. */
const always = async <A>(program: () => Effect.Effect<A, unknown>, expected: NoInfer<A>, seeds = 60): Promise<void> => {
  await Simulator.check(program, {
    seeds,
    after: (run) => expect(run.exit !== undefined && Exit.isSuccess(run.exit) ? run.exit.value : run.exit).toEqual(expected)
  })
}

const now = Effect.clockWith((clock) => clock.currentTimeMillis)
const left = Effect.map(Deadline.remaining, (remaining) => (Option.isSome(remaining) ? Duration.toMillis(remaining.value) : undefined))

/** Runs work as a worker does for a caller. */
const inherited = <A, E>(work: Effect.Effect<A, E>, inheritance: Deadline.Inheritance): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    const { context, end } = Deadline.inherit(fiber.context, inheritance)
    return Effect.onExit(Effect.provideContext(work, context), () => Effect.sync(end))
  })

/** A group that answers a deadline with what it has. */
const gather = TaskGroup.run({ onFailure: "isolate" }, (group) =>
  Effect.gen(function* () {
    const quick = yield* group.spawn(Effect.sleep(1))
    const stuck = yield* group.spawn(Effect.never)
    return [(yield* quick.await).status, (yield* stuck.await).status]
  })
)

describe("Deadline.inherit", () => {
  it("gives the work the time that is left, and the caller's name", () =>
    always(
      () =>
        inherited(
          Effect.gen(function* () {
            yield* Effect.sleep(30)
            return [yield* left, yield* Effect.withFiber((fiber) => Effect.succeed(Deadline.outlook(fiber)))]
          }),
          { name: "resize", remaining: 100 }
        ),
      [70, { name: "resize", remaining: 70 }]
    ))

  it("has no deadline where the caller has none", () =>
    always(() => inherited(Effect.as(Effect.sleep(30), left).pipe(Effect.flatten), {}), undefined))

  it("lets a call inside answer when the instant comes, and interrupts nothing", () =>
    always(
      () =>
        inherited(
          Effect.gen(function* () {
            const got = yield* gather
            const at = yield* now
            yield* Effect.sleep(5_000)
            return [...got, at, yield* now]
          }),
          { remaining: 20 }
        ),
      ["completed", "timeout", 20, 5_020]
    ))

  it("starts nothing after the instant", () =>
    always(
      () =>
        inherited(
          Effect.andThen(
            Effect.sleep(30),
            Effect.map(Effect.flip(Deadline.within(Effect.void, 10)), (error) => error.at)
          ),
          { remaining: 20 }
        ),
      20
    ))

  it("tells the caller by how much the work has moved its deadline, and takes the caller's word for what is left", () =>
    always(() => {
      const told: Array<number> = []
      let hold: Deadline.Hold | undefined
      const work = Effect.gen(function* () {
        yield* Effect.sleep(5)
        const after = Option.map(yield* Deadline.extend(50), Duration.toMillis)
        hold?.moved(40)
        return [Option.getOrUndefined(after), yield* left, ...told]
      })
      return inherited(work, { remaining: 20, onExtend: (by) => told.push(by), onOpen: (opened) => (hold = opened) })
    }, [65, 40, 50]))

  it("answers when the caller says that the instant has come, though its own clock is not there", () =>
    always(() => {
      let hold: Deadline.Hold | undefined
      const work = Effect.gen(function* () {
        yield* Effect.forkChild(
          Effect.delay(
            Effect.sync(() => hold?.reached()),
            10
          )
        )
        return [...(yield* gather), yield* now, yield* left]
      })
      return inherited(work, { remaining: 1_000, onOpen: (opened) => (hold = opened) })
    }, ["completed", "timeout", 10, 0]))

  it("answers at a later instant after the caller has moved it", () =>
    always(() => {
      const onOpen = (hold: Deadline.Hold): void => hold.moved(50)
      return inherited(
        Effect.flatMap(gather, (got) => Effect.map(now, (at) => [...got, at])),
        { remaining: 20, onOpen }
      )
    }, ["completed", "timeout", 50]))

  it("says when there is something inside that would answer, and when not any more", () =>
    always(() => {
      const told: Array<unknown> = []
      const work = Effect.gen(function* () {
        told.push(yield* now)
        yield* Effect.sleep(5)
        yield* TaskGroup.run({}, (group: TaskGroup.TaskGroup<never>) => group.spawn(gather))
        told.push(yield* now)
      })
      return Effect.as(inherited(work, { remaining: 20, onAnswering: (answering) => told.push(answering) }), told)
    }, [0, true, false, 20]))

  it("passes on progress", () =>
    always(() => {
      const seen: Array<unknown> = []
      const work = Effect.forEach([1, 2], (done) => Progress.report({ done, total: 2 }))
      return Effect.as(inherited(work, { name: "copy", onProgress: ({ done, total }) => seen.push([done, total]) }), seen)
    }, [
      [1, 2],
      [2, 2]
    ]))

  it("is over when the work is over: what comes later does nothing", () =>
    always(() => {
      const events: Array<string> = []
      let hold: Deadline.Hold | undefined
      const onOpen = (opened: Deadline.Hold): void => void (hold = opened)
      const work = Effect.forkDetach(Effect.delay(Progress.report({ done: 1 }), 30))
      return Effect.gen(function* () {
        const detached = yield* inherited(work, { remaining: 20, onOpen, onProgress: () => events.push("progress") })
        hold?.moved(60_000)
        hold?.reached()
        yield* Fiber.await(detached)
        return events
      })
    }, []))
})

describe("Deadline.follow", () => {
  const follower = (events: Array<unknown>): Deadline.Follower => ({
    onMoved: (remaining) => events.push(["moved", remaining]),
    onReached: () => events.push("reached")
  })

  it("tells of each extension of a deadline around the call, with what binds then", () =>
    always(() => {
      const events: Array<unknown> = []
      const work = Effect.withFiber((fiber) => {
        const following = Deadline.follow(fiber, follower(events))
        return Effect.gen(function* () {
          yield* Deadline.extend(30)
          yield* Deadline.extend(1_000)
          following.end()
          yield* Deadline.extend(1)
        })
      })
      return Effect.as(Deadline.within(Deadline.within(work, 20), 100), events)
    }, [
      ["moved", 50],
      ["moved", 100]
    ]))

  it("moves the deadline for the work that asked for it", () =>
    always(() => {
      const events: Array<unknown> = []
      const work = Effect.withFiber((fiber) => {
        const following = Deadline.follow(fiber, follower(events))
        following.extend(25)
        return Effect.map(Effect.sleep(40), () => following.end())
      })
      return Effect.andThen(
        Deadline.within(work, 20),
        Effect.map(now, (at) => [...events, at])
      )
    }, [["moved", 45], 40]))

  it("has the deadline wait for work that would answer it, and one second more for what is made of the answer", () =>
    always(() => {
      const events: Array<unknown> = []
      const work = Effect.withFiber((fiber) => {
        const following = Deadline.follow(fiber, follower(events))
        following.answering(true)
        following.answering(true)
        return Effect.gen(function* () {
          yield* Effect.sleep(500)
          following.answering(false)
          yield* Effect.sleep(600)
          following.end()
          return "answered"
        })
      })
      return Effect.flatMap(Deadline.within(work, 20), (got) => Effect.map(now, (at) => [got, at, ...events]))
    }, ["answered", 1_100, "reached"]))

  it("leaves the deadline what it is where nothing would answer, and after its end", () =>
    always(() => {
      const events: Array<unknown> = []
      const work = Effect.withFiber((fiber) => {
        const following = Deadline.follow(fiber, follower(events))
        following.answering(true)
        following.end()
        return Effect.never
      })
      return Effect.flatMap(Effect.flip(Deadline.within(work, 20)), () => Effect.map(now, (at) => [at, ...events]))
    }, [20]))

  it("gives neither name nor time outside of tasks and deadlines", () =>
    always(() => Effect.withFiber((fiber) => Effect.succeed(Deadline.outlook(fiber))), { name: undefined, remaining: Infinity }))
})
