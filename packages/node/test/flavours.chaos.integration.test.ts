// Real here: threads and processes that are killed at moments drawn from a seed. The full size runs with SKEIN_SOAK=1.
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { existsSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { carriers, children, folder, holdings, linesOf, names, reasonIn, runner, until } from "./fixtures/kit.ts"
import * as tasks from "./fixtures/tasks.ts"
import * as work from "./fixtures/workTasks.ts"

const soak = process.env["SKEIN_SOAK"] === "1"
const size = soak ? 10_000 : 2_000
const seeds = soak ? [1, 2, 3, 4, 5] : [1]
/** How many of them end or block their worker. */
const strikers = soak ? 100 : 20

const { file, remove } = folder()
afterAll(remove)

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
const random = (seed: number) => {
  let state = seed * 0x9e3779b9
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

describe.each(names)("chaos among the workers of the %s flavour", (flavour) => {
  const { events, run } = runner(flavour)

  /** Node keeps some descriptors and threads of its own from the first time on. */
  let before: ReturnType<typeof holdings>
  beforeAll(async () => {
    await run(parallelMap([1, 2, 3, 4], (a) => tasks.add({ a, b: 1 })))
    await Effect.runPromise(until(() => children().length === 0))
    before = holdings()
  })

  const nothingLeft = async (): Promise<void> => {
    await Effect.runPromise(until(() => children().length === 0))
    const isAsBefore = (): boolean => Object.entries(holdings()).every(([name, count]) => count <= before[name as keyof typeof before])
    await Effect.runPromise(Effect.timeoutOption(until(isAsBefore), "30 seconds"))
    for (const [name, count] of Object.entries(holdings())) {
      expect(`${name}: ${Math.max(count, before[name as keyof typeof before])}`).toBe(`${name}: ${before[name as keyof typeof before]}`)
    }
  }

  it.each(seeds)("seed %i: each input has one outcome, none is lost, none runs twice", async (seed) => {
    const draw = random(seed)
    const path = file()
    const ways = new Map<number, string>()
    while (ways.size < strikers) ways.set(Math.floor(draw() * size), draw() < 0.5 ? "exit" : "loop")
    let outcomes = 0
    const call = (n: number): Effect.Effect<number | string, unknown> => {
      const how = ways.get(n) ?? ""
      // Loops write to files of their own, which are looked for again and again.
      const own = how === "loop" ? `${path}.${n}` : path
      const strike = work.strikes({ path: own, n, how })
      if (how !== "loop") return strike
      // Once it runs it is stopped by force, and its worker with it.
      return Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(strike)
        yield* until(() => existsSync(own) || fiber.pollUnsafe() !== undefined)
        yield* Fiber.interrupt(fiber)
        return "stopped"
      })
    }
    // From outside, processes are killed when so many outcomes are there.
    const moments = new Set(Array.from({ length: flavour === "process" ? strikers / 4 : 0 }, () => Math.floor(draw() * size)))
    const victim = (): void => {
      const pids = carriers("SKEIN_TREE=").filter((pid) => children().includes(pid))
      const pid = pids[Math.floor(draw() * pids.length)]
      if (pid !== undefined) process.kill(pid, "SIGKILL")
    }
    const result = await run(
      parallelMap(
        Array.from({ length: size }, (_, n) => n),
        call,
        {
          concurrency: 48,
          onOutcome: () => {
            if (moments.has(outcomes++)) victim()
          }
        }
      )
    )
    expect([result.total, result.outcomes.length, outcomes]).toEqual([size, size, size])
    const loops = [...ways.keys()].filter((n) => ways.get(n) === "loop")
    const started = [path, ...loops.map((n) => `${path}.${n}`)].flatMap(linesOf).map(Number)
    expect(new Set(started).size).toBe(started.length)
    const ran = new Set(started)
    let lost = 0
    for (const outcome of result.outcomes) {
      const { index: n } = outcome
      const how = ways.get(n)
      if (outcome._tag === "Completed") {
        // A loop that was killed from outside before its first step has not run.
        expect([n, outcome.value, ran.has(n) || how === "loop"]).toEqual([n, how === "loop" ? "stopped" : n, true])
        expect(how).not.toBe("exit")
      } else {
        expect(outcome._tag === "Failed" && reasonIn(outcome.cause)._tag).toBe("Lost")
        lost++
      }
    }
    const exits = [...ways.values()].filter((how) => how === "exit").length
    expect(lost).toBeGreaterThanOrEqual(exits)
    expect(lost).toBeLessThanOrEqual(exits + moments.size)
    const ends = events.filter(({ _tag }) => _tag === "Crashed" || _tag === "Killed").length
    expect(ends).toBeGreaterThanOrEqual(strikers / 2)
    await nothingLeft()
  })

  it.each(seeds)("seed %i: idempotent calls that may be run again all have their value", async (seed) => {
    const draw = random(seed + 1_000)
    const [path, other] = [file(), file()]
    const deadly = new Set(Array.from({ length: strikers / 2 }, () => Math.floor(draw() * size)))
    const result = await run(
      parallelMap(
        Array.from({ length: size }, (_, n) => n),
        (n): Effect.Effect<number, unknown> =>
          deadly.has(n)
            ? // Only this one may not run again. Two tasks at once in a worker: it takes a neighbour with it.
              Effect.as(Effect.flip(work.strikes({ path: other, n, how: "exit" })), n)
            : work.strikesAgain({ path, n, how: "" }),
        { concurrency: 48 }
      ),
      { concurrency: 2, retryLost: 100 }
    )
    expect(result.completed).toBe(size)
    expect(new Set(linesOf(path)).size).toBe(size - deadly.size)
    expect(linesOf(other)).toHaveLength(deadly.size)
    await nothingLeft()
  })

  it("interrupting the whole program at some moment leaves nothing", async () => {
    for (let seed = 1; seed <= (soak ? 100 : 5); seed++) {
      const draw = random(seed + 2_000)
      const path = file()
      const program = Effect.gen(function* () {
        const all = parallelMap(
          Array.from({ length: 500 }, (_, n) => n),
          (n) => work.strikes({ path, n, how: n % 100 === 60 ? "exit" : n % 100 === 90 ? "loop" : "" }),
          { concurrency: 20 }
        )
        const fiber = yield* Effect.forkChild(all)
        const at = Math.floor(draw() * 90)
        yield* until(() => linesOf(path).length >= at)
        yield* Effect.sleep(draw() * 30)
        yield* Fiber.interrupt(fiber)
        return fiber.pollUnsafe()?._tag
      })
      expect(await run(program)).toBe("Failure")
    }
    await nothingLeft()
  })
})
