/**
 * The laws of DESIGN.md section 4 where tasks run inline, in worker threads, in child processes: one text for all, through each entry point.
 *
 * Real here: threads and processes. Tests wait for what they want to see; a try that met a deadline because the machine was slow is made again with twice the time. What a flavour cannot promise is shown in
 * packages/node/test/flavours.table.integration.test.ts.
 */
import { Deadline, GatherResult } from "@skein/core"
import { ParallelExecutor, parallelMap } from "@skein/parallel"
import * as TaskGroup from "@skein/core/TaskGroup"
import * as Task from "@skein/parallel/Task"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Bad,
  deep,
  entries,
  type Errors,
  flaky,
  folder,
  gathers,
  inTime,
  linesOf,
  open,
  peakOf,
  type Piece,
  piece,
  places,
  until,
  wordsOf
} from "../kit/flavours.ts"
import { quiet } from "../kit/law.ts"
import { soak } from "../kit/seeds.ts"

const { file, remove } = folder()
afterAll(remove)

describe.each(places)("in flavour $name,", ({ layer, pool }) => {
  let runtime: ManagedRuntime.ManagedRuntime<never, never>
  beforeAll(() => {
    runtime = ManagedRuntime.make(layer())
  })
  afterAll(() => runtime.dispose())
  const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => runtime.runPromise(effect)
  const provided = <A, E>(effect: Effect.Effect<A, E>, options: Parameters<typeof layer>[0]): Promise<A> =>
    Effect.runPromise(Effect.provide(effect, layer(options)))

  describe.each(Object.entries(entries))("%s:", (_, entry) => {
    const files = () => ({ path: file(), gate: file(), never: file() })

    it("laws 1 and 2: when its owner is interrupted it is asked to stop once, and the owner ends after its cleanup", async () => {
      const { gate, never, path } = files()
      const pieces: ReadonlyArray<Piece> = ["a", "b"].map((name) => ({ name, path, gate: never, cleanup: { gate } }))
      const program = Effect.gen(function* () {
        const owner = yield* Effect.forkChild(entry(pieces))
        yield* until(() => linesOf(path).length === 2)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(owner))
        yield* until(() => linesOf(path).length === 4)
        yield* Effect.sleep(30)
        const early = owner.pollUnsafe()
        open(gate)
        yield* Fiber.join(interrupting)
        return [early, linesOf(path)] as const
      })
      const [early, lines] = await run(program)
      expect(early).toBe(undefined)
      expect(lines.slice(2, 4).toSorted()).toEqual(["a is asked to stop", "b is asked to stop"])
      expect(lines.slice(4).toSorted()).toEqual(["a is clean", "b is clean"])
    })

    it("laws 3, 6 and 7: one outcome per input, in input order, each failure with all its reasons, whatever becomes of the others", async () => {
      const { path } = files()
      const result = await run(
        entry([
          { name: "a", path },
          { name: "b", path, ends: "fail" },
          { name: "c", path, ends: "die" },
          { name: "d", path, ends: "fail", cleanup: { ends: "die" } },
          { name: "e", path }
        ])
      )
      // Effect makes a defect of the typed error of an effect whose finalizer dies: nothing is lost by that.
      expect(wordsOf(result)).toEqual(["value of a", "Fail", "Die", "Die+Die", "value of e"])
      expect(result.outcomes.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
      const [, , c, d] = result.outcomes.map((outcome) => (outcome._tag === "Failed" ? Cause.pretty(outcome.cause) : ""))
      expect(c).toContain("defect of c")
      expect(d).toContain("cleanup of d")
      const errors = GatherResult.errors(result).map(({ cause }) => cause.reasons.find(Cause.isFailReason)?.error)
      expect(errors[0]).toEqual(new Bad({ name: "b" }))
      expect(errors[0]).toBeInstanceOf(Bad)
    })

    it("law 4: no more run at once than its bound, nor than the flavour's", async () => {
      const { path } = files()
      const pieces = Array.from({ length: 12 }, (_, i): Piece => ({ name: `p${i}`, path }))
      expect((await run(entry(pieces, { concurrency: 1 }))).completed).toBe(12)
      expect(peakOf(linesOf(path))).toBe(1)
      const other = file()
      expect(
        (
          await run(
            entry(
              pieces.map((one) => ({ ...one, path: other })),
              { concurrency: 12 }
            )
          )
        ).completed
      ).toBe(12)
      if (pool !== undefined) expect(peakOf(linesOf(other))).toBeLessThanOrEqual(2)
    })

    it("law 13: observers see each outcome once, and what they throw changes nothing", async () => {
      const { path } = files()
      const seen: Array<unknown> = []
      const pieces: ReadonlyArray<Piece> = [
        { name: "a", path },
        { name: "b", path, ends: "fail" }
      ]
      const onOutcome = (outcome: unknown): void => {
        seen.push((outcome as { readonly index: number }).index)
        throw new Error("a bad observer")
      }
      expect(wordsOf(await run(quiet(entry(pieces, { onOutcome }))))).toEqual(["value of a", "Fail"])
      expect(seen.toSorted()).toEqual([0, 1])
    })
  })

  it("law 5: fail-fast fails with the original typed error once the siblings are clean, and keeps what was finished", async () => {
    for (const how of ["parallelMap", "TaskGroup", "ParallelExecutor"]) {
      const [path, never, gate] = [file(), file(), file()]
      const pieces: ReadonlyArray<Piece> = [
        { name: "done", path },
        { name: "bad", path, gate, ends: "fail" },
        { name: "waits", path, gate: never, cleanup: {} }
      ]
      let settled = 0
      const onOutcome = (): void => void settled++
      const all: Effect.Effect<unknown, unknown> =
        how === "parallelMap"
          ? parallelMap(pieces, piece, { onFailure: "interrupt", onOutcome })
          : how === "TaskGroup"
            ? TaskGroup.run({ onOutcome }, (group: TaskGroup.TaskGroup<Errors>) => Effect.forEach(pieces, (one) => group.spawn(piece(one))))
            : Effect.scoped(
                Effect.flatMap(ParallelExecutor.make(), (executor) => executor.map(pieces, piece, { onFailure: "interrupt", onOutcome }))
              )
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.exit(all))
        // On two workers the third starts when the first is done.
        yield* until(() => linesOf(path).includes("waits starts") && linesOf(path).includes("bad starts") && settled === 1)
        open(gate)
        return [yield* Fiber.join(fiber), linesOf(path)] as const
      })
      const [exit, lines] = await run(program)
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect([how, cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)]).toEqual([how, [new Bad({ name: "bad" })]])
      expect(lines.slice(-2)).toEqual(["waits is asked to stop", "waits is clean"])
      const partial = GatherResult.fromCause(cause)!
      expect(wordsOf(partial as never)).toEqual(["value of done", "Fail", "cancelled SiblingFailed"])
    }
  })

  it("law 9: what completed by the deadline is in the result, and nothing starts after it", async () => {
    const attempt = (millis: number) => {
      const [path, never] = [file(), file()]
      const pieces: ReadonlyArray<Piece> = [
        { name: "quick", path },
        { name: "hangs", path, gate: never },
        { name: "hangs too", path, gate: never },
        { name: "never started", path }
      ]
      return Effect.map(parallelMap(pieces, piece, { concurrency: 2, timeout: millis }), (result) => [result, linesOf(path)] as const)
    }
    const [result, lines] = await run(inTime(attempt, ([, lines]) => lines.includes("hangs too starts")))
    expect(wordsOf(result).slice(0, 3)).toEqual(["value of quick", "timeout call", "timeout call"])
    expect(result.outcomes[3]!._tag).toBe("NotStarted")
    expect(lines.filter((line) => line.startsWith("never started"))).toEqual([])
    expect(lines.filter((line) => line.endsWith("is clean")).toSorted()).toEqual(["hangs is clean", "hangs too is clean", "quick is clean"])
  })

  it("law 9: a success that comes although the task was asked to stop is kept, and late", async () => {
    const [path, gate] = [file(), file()]
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        parallelMap([{ name: "pays", path, gate, uninterruptible: true }], piece, { stop: until(() => linesOf(path).length === 1) })
      )
      yield* until(() => linesOf(path).length === 1)
      yield* Effect.sleep(50)
      open(gate)
      return yield* Fiber.join(fiber)
    })
    expect(wordsOf(await run(program))).toEqual(["value of pays, late"])
  })

  it("law 10: a deadline around a task loses nothing of what a gather in it had", async () => {
    const attempt = (millis: number) =>
      Effect.catchTag(Deadline.within(gathers(null), millis), "DeadlineExceeded", () => Effect.succeed(["too late"]))
    expect(await run(inTime(attempt, ([first]) => first === "first"))).toEqual(["first", "deadline"])
  })

  it("law 11: the time in a caller's line does not count against a task", async () => {
    const path = file()
    const attempt = (millis: number) =>
      Effect.gen(function* () {
        const gate = file()
        // The second waits for the first, longer than it may take itself.
        const pieces: ReadonlyArray<Piece> = [
          { name: "first", path, gate, uninterruptible: true },
          { name: "second", path }
        ]
        const opening = yield* Effect.forkChild(
          Effect.delay(
            Effect.sync(() => open(gate)),
            2 * millis
          )
        )
        const result = yield* parallelMap(pieces, piece, { concurrency: 1, taskTimeout: millis })
        yield* Fiber.join(opening)
        return wordsOf(result)
      })
    expect(await run(inTime(attempt, ([, second]) => second === "value of second"))).toEqual(["value of first, late", "value of second"])
  })

  it("law 12: a retry is part of its task, and its attempts are listed", async () => {
    const path = file()
    const result = await run(parallelMap([{ path, times: 2, how: "fail" as const }], flaky, { retry: { times: 3 } }))
    expect(wordsOf(result)).toEqual(["at last"])
    const [outcome] = result.outcomes
    expect([outcome!.attempts, outcome!.attemptCauses.map((cause) => Cause.squash(cause))]).toEqual([
      3,
      [new Bad({ name: "flaky" }), new Bad({ name: "flaky" })]
    ])
    expect(linesOf(path)).toHaveLength(3)
  })

  it("law 14: tasks call tasks of their own pool of one, through every entry point, three deep", async () => {
    expect(await provided(deep(3), { size: 1 })).toBe(27)
  })

  it("law 17: misuse is refused before anything leaves", async () => {
    const path = file()
    for (const concurrency of [0, -1, 2.5, Number.NaN]) {
      expect(() => Task.map(piece, [{ name: "a", path }], { concurrency })).toThrow(RangeError)
    }
    expect(() => piece({ name: "a", path }, { priority: "urgent" as never })).toThrow(RangeError)
    expect(await run(Effect.flip(piece({ name: 1 as never, path })))).toMatchObject({ reason: { _tag: "Rejected" } })
    expect(linesOf(path)).toEqual([])
  })

  it("law 18: interrupted at many moments, whatever started is clean when the owner has ended, and nothing is left in the flavour", async () => {
    const program = Effect.gen(function* () {
      for (let moment = 0; moment < (soak ? 400 : 24); moment++) {
        const path = file()
        const pieces = Array.from({ length: 40 }, (_, i): Piece => ({ name: `p${i}`, path, cleanup: {} }))
        const entry = Object.values(entries)[moment % 6]!
        const owner = yield* Effect.forkChild(entry(pieces, { concurrency: 4 }))
        // At a line of the notes, and some turns of the loop later.
        yield* until(() => linesOf(path).length >= (moment * 7) % 60 || owner.pollUnsafe() !== undefined)
        for (let turn = 0; turn < moment % 5; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(owner)
        const lines = linesOf(path)
        yield* Effect.sleep(1)
        if (linesOf(path).length !== lines.length) return `moment ${moment}: ${linesOf(path).slice(lines.length).join(", ")} after the end`
        const starts = lines.filter((line) => line.endsWith(" starts")).length
        const cleans = lines.filter((line) => line.endsWith(" is clean")).length
        if (starts !== cleans) return `moment ${moment}: ${starts} started and ${cleans} are clean`
      }
      if (pool === undefined) return "clean"
      const { queued, sent } = yield* Effect.flatMap(pool, ({ stats }) => stats)
      return queued + sent === 0 ? "clean" : `${queued} queued, ${sent} sent`
    })
    expect(await run(program)).toBe("clean")
  })

  if (pool === undefined) {
    it("laws 8 and 15 have no meaning: there is no worker that could die, and nothing that could be closed", async () => {
      expect(await run(Effect.map(TaskRunner.TaskRunner, ({ run }) => run))).toBe(undefined)
    })
    return
  }

  describe.each(Object.entries(entries))("%s:", (_, entry) => {
    it("law 8: a worker that dies fails the task that ran in it, and no other", async () => {
      const path = file()
      const pieces = Array.from({ length: 9 }, (_, i): Piece => ({ name: `p${i}`, path, ...(i === 4 ? { ends: "exit" } : {}) }))
      const result = await run(entry(pieces))
      expect(result.outcomes.map(({ status }) => status)).toEqual(pieces.map(({ ends }) => (ends === "exit" ? "failed" : "completed")))
      const [error] = GatherResult.errors(result)
      expect(Cause.squash(error!.cause)).toMatchObject({ mayHaveRun: "maybe", reason: { _tag: "Lost", exitCode: 3, culprit: true } })
      expect(
        linesOf(path)
          .filter((line) => line.endsWith(" starts"))
          .toSorted()
      ).toEqual(pieces.map(({ name }) => `${name} starts`))
    })
  })

  it("law 11: the wait for a worker does not count against a task either", async () => {
    const attempt = (millis: number) =>
      Effect.gen(function* () {
        const [path, gate] = [file(), file()]
        const pieces: ReadonlyArray<Piece> = [
          { name: "first", path, gate, uninterruptible: true },
          { name: "second", path }
        ]
        const fiber = yield* Effect.forkChild(parallelMap(pieces, piece, { concurrency: 2, taskTimeout: millis }))
        yield* until(() => linesOf(path).length === 1)
        yield* Effect.sleep(2 * millis)
        open(gate)
        return wordsOf(yield* Fiber.join(fiber))
      })
    const words = await provided(
      inTime(attempt, ([first, second]) => first === "value of first, late" && second === "value of second"),
      { size: 1 }
    )
    expect(words).toEqual(["value of first, late", "value of second"])
  })

  it("law 12: a lost attempt is retried like any other", async () => {
    const path = file()
    const result = await run(parallelMap([{ path, times: 2, how: "exit" as const }], flaky, { retry: { times: 3 } }))
    expect([wordsOf(result), result.outcomes[0]!.attempts, linesOf(path).length]).toEqual([["at last"], 3, 3])
  })

  it("law 15: after close a call fails with a typed error, and nothing runs later", async () => {
    const [path, never] = [file(), file()]
    const program = Effect.gen(function* () {
      const held = yield* Effect.forkDetach(Effect.exit(piece({ name: "held", path, gate: never, cleanup: {} })))
      yield* until(() => linesOf(path).length === 1)
      const queued = yield* Effect.forkDetach(Effect.exit(piece({ name: "queued", path })))
      yield* Effect.yieldNow
      return [yield* TaskRunner.TaskRunner, held, queued] as const
    })
    const [runner, held, queued] = await provided(program, { size: 1 })
    const reasonOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
      Exit.isFailure(exit) ? (Cause.squash(exit.cause) as TaskRunner.TaskRunnerError).reason?._tag : exit
    const later = Effect.exit(Effect.provideService(piece({ name: "later", path }), TaskRunner.TaskRunner, runner))
    expect(reasonOf(await Effect.runPromise(later))).toBe("Closed")
    expect(reasonOf(await Effect.runPromise(Fiber.join(queued)))).toBe("Closed")
    expect(Exit.isFailure(await Effect.runPromise(Fiber.join(held)))).toBe(true)
    expect(linesOf(path)).toEqual(["held starts", "held is asked to stop", "held is clean"])
  })
})
