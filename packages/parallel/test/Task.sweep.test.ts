/** Interrupted at every step, on either side, tasks leave nothing behind and answer once. */
import { Deadline } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import * as Task from "@skein/parallel/Task"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { Meter } from "./kit.ts"
import { remotely, seen, type Seen } from "./Task.kit.ts"

const module = import.meta

class Db extends Context.Service<Db, { readonly factor: number }>()("test/SweepDb") {}

interface State {
  readonly meter: Meter
  readonly told: Seen
  /** How many layers are built and not released. */
  open: number
}

const fresh = (): State => ({ meter: new Meter(), told: seen(), open: 0 })

/** Takes something that it must give back, in several steps. */
const task = (state: State) =>
  Task.make("work", {
    module,
    payload: Schema.Number,
    success: Schema.Number,
    run: (n) => state.meter.count(Effect.as(Effect.andThen(Effect.yieldNow, Effect.sleep(n)), n))
  })

const taskWithLayer = (state: State) => {
  const acquire = Effect.andThen(
    Effect.yieldNow,
    Effect.sync(() => (state.open++, { factor: 2 }))
  )
  const release = Effect.andThen(
    Effect.yieldNow,
    Effect.sync(() => void state.open--)
  )
  return Task.make("work", {
    module,
    payload: Schema.Number,
    success: Schema.Number,
    layer: Layer.effect(
      Db,
      Effect.acquireRelease(acquire, () => release)
    ),
    run: (n) => state.meter.count(Effect.flatMap(Db, ({ factor }) => Effect.as(Effect.sleep(n), n * factor)))
  })
}

const sweep = async (program: (state: State) => Effect.Effect<unknown, unknown>, seeds = 3): Promise<void> => {
  let state = fresh()
  const swept = await Simulator.sweep(
    () => {
      state = fresh()
      return program(state)
    },
    {
      seeds,
      after: () => {
        expect([state.meter.running, state.open]).toEqual([0, 0])
        // Each call that reached the host was answered once; the kit throws at a second answer.
        expect(state.told.answers.length).toBe(state.told.payloads.length)
      }
    }
  )
  expect(swept.interrupted.main).toBeGreaterThan(0)
}

describe("a task, interrupted at every step", () => {
  it("leaves nothing inline", () => sweep((state) => Effect.suspend(() => parallelMap([1, 5, 3], task(state), { concurrency: 2 }))))

  it("leaves nothing inline with a layer", () =>
    sweep((state) => Effect.suspend(() => parallelMap([1, 5, 3], taskWithLayer(state), { concurrency: 2 }))))

  it("leaves nothing elsewhere", () =>
    sweep((state) => {
      const work = task(state)
      return remotely(work, parallelMap([1, 5, 3], work, { concurrency: 2 }), state.told)
    }))

  it.each([false, true])("leaves nothing elsewhere in chunks (in shared memory: %s)", (shared) =>
    sweep((state) => {
      const work = task(state)
      const chunks = { width: 2, size: 3, shared }
      return remotely(work, Task.map(work, [1, 5, 3, 2, 8, 1, 4], { taskTimeout: 6 }), state.told, { chunks })
    })
  )

  it("leaves nothing elsewhere under a deadline, with a gather inside that answers it", () =>
    sweep((state) => {
      const inner = task(state)
      const outer = Task.make("outer", {
        module,
        payload: Schema.Array(Schema.Number),
        success: Schema.Number,
        run: (list) => Effect.map(parallelMap(list, inner), (result) => result.completed)
      })
      return Deadline.within(remotely(outer, outer([1, 50, 60]), state.told), 10)
    }))
})

describe("a task under many schedules", () => {
  it("gives each call its own answer", async () => {
    const { runs, verdicts } = await Simulator.check(
      () => {
        const state = fresh()
        const work = task(state)
        return Effect.map(remotely(work, parallelMap([5, 1, 3, 1], work), state.told), ({ outcomes }) =>
          expect(outcomes.map((outcome) => outcome._tag === "Completed" && outcome.value)).toEqual([5, 1, 3, 1])
        )
      },
      { seeds: 200 }
    )
    expect(verdicts.passed).toBe(runs)
  })

  it.each([false, true])("gives each item of a chunk its own outcome (in shared memory: %s)", async (shared) => {
    const { runs, verdicts } = await Simulator.check(
      () => {
        const state = fresh()
        const work = task(state)
        const items = [5, 1, 3, 1, 40, 2, 1, 7, 2]
        const map = Task.map(work, items, { taskTimeout: 20 })
        return Effect.map(remotely(work, map, state.told, { chunks: { width: 2, size: 4, shared } }), ({ outcomes }) => {
          expect(outcomes.map((outcome) => (outcome._tag === "Completed" ? outcome.value : outcome.status))).toEqual(
            items.map((n) => (n === 40 ? "timeout" : n))
          )
          expect([state.meter.total, state.meter.running]).toEqual([items.length, 0])
        })
      },
      { seeds: 200 }
    )
    expect(verdicts.passed).toBe(runs)
  })

  it("answers a deadline as a gather in this fiber would, at the very instant of a task's end too", async () => {
    const { runs, verdicts } = await Simulator.check(
      () => {
        const state = fresh()
        const inner = task(state)
        const outer = Task.make("outer", {
          module,
          payload: Schema.Void,
          success: Schema.Number,
          run: () => Effect.map(parallelMap([5, 10, 15], inner), (result) => result.completed)
        })
        const here = Deadline.within(outer(), 10)
        const there = Deadline.within(remotely(outer, outer(), state.told), 10)
        return Effect.map(Effect.all([here, there]), (counts) => expect(counts).toEqual([2, 2]))
      },
      { seeds: 200 }
    )
    expect(verdicts.passed).toBe(runs)
  })
})
