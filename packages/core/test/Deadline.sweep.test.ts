import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Deadline from "../src/Deadline.ts"
import * as Limiter from "../src/Limiter.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { Simulator } from "../src/testing/index.ts"

/** Sweeps a program that counts what of it is alive. */
const sweep = async (program: (live: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>) => Effect.Effect<unknown, unknown>) => {
  let alive = 0
  const live = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => void alive++),
      () => effect,
      () => Effect.sync(() => void alive--)
    )
  const swept = await Simulator.sweep(
    () => {
      alive = 0
      return Effect.exit(program(live))
    },
    { seeds: 3, maxRuns: 2_000, after: () => expect(alive).toBe(0) }
  )
  expect(swept.interrupted.main).toBeGreaterThan(0)
  expect(swept.verdicts.failed).toBeGreaterThan(0)
}

const cleanup = (millis: number) => Effect.onInterrupt(Effect.never, () => Effect.sleep(millis))

describe("Deadline interrupted at every step", () => {
  it("leaves no work behind", () => sweep((live) => Deadline.within(live(Effect.sleep(5)), 10)))

  it("leaves no work behind that is being stopped", () => sweep((live) => Deadline.within(live(cleanup(5)), 10)))

  it("leaves no children behind", () =>
    sweep((live) =>
      Deadline.within(Effect.andThen(Effect.forkChild(live(cleanup(3)), { startImmediately: true }), live(Effect.sleep(20))), 10)
    ))

  it("leaves nothing behind when deadlines are nested and moved", () =>
    sweep((live) =>
      Deadline.within(
        Effect.andThen(Effect.ignore(Deadline.within(live(cleanup(1)), 2)), Effect.andThen(Deadline.extend(5), live(Effect.sleep(12)))),
        10
      )
    ))

  it("leaves nothing behind when calls inside answer", () =>
    sweep((live) =>
      Deadline.within(
        Effect.andThen(
          TaskGroup.run({ concurrency: 1 }, (group: TaskGroup.TaskGroup<never>) =>
            Effect.gen(function* () {
              yield* group.spawn(live(Effect.sleep(1)))
              yield* group.spawn(live(cleanup(2)))
              yield* group.spawn(live(Effect.never))
            })
          ),
          live(Effect.sleep(2_000))
        ),
        10
      )
    ))

  it("leaves no permit behind when the work waits for one", () =>
    sweep((live) =>
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const work = limiter.withPermit(live(Effect.sleep(8)))
        yield* Effect.all([work, Effect.ignore(Deadline.within(work, 10)), Effect.ignore(Deadline.within(work, 5))], {
          concurrency: 3
        }).pipe(
          Effect.ensuring(
            Effect.flatMap(limiter.stats, ({ running, waiting }) => Effect.sync(() => expect([running, waiting]).toEqual([0, 0])))
          )
        )
      })
    ))
})
