import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import * as progress from "../src/progress.ts"
import { attemptOf, jobOf, recordOf } from "./fixtures/records.ts"
import { Screen } from "./fixtures/screen.ts"

/** Keeps what is written to it. */
const recorder = (isTTY = false) => {
  const written: Array<string> = []
  return { written, isTTY, write: (text: string) => written.push(text) }
}

/** A window of this size, and what is seen in it without colours. */
const terminal = (columns = 80, rows = 24) => {
  const screen = new Screen(columns, rows)
  const stream = { columns, rows, isTTY: true, writes: 0, write: (text: string) => void screen.write((stream.writes++, text)) }
  return { stream, screen, seen: () => screen.text() }
}

/** Runs it in virtual time, which begins at 0, with all finalizers; it may leave no fiber and no timer. */
const run = <A>(program: Effect.Effect<A, never, Scope.Scope>): A => {
  const result = Simulator.runSync(Effect.scoped(program))
  if (result.verdict !== "passed" || result.exit === undefined || !Exit.isSuccess(result.exit)) throw new Error(result.report)
  expect(result.timers).toEqual([])
  return result.exit.value
}

const env = {}

const start = (shown: progress.Progress, seq: number, at: number, attempt = 1): void =>
  shown.observer.started?.(jobOf(seq, `work ${seq}`), attempt, 1, at)

const end = (shown: progress.Progress, seq: number, exitCode = 0): void => {
  shown.observer.attempted?.(jobOf(seq), attemptOf({ exitCode }))
  shown.observer.finished?.(recordOf(jobOf(seq), { exitCode }))
}

/** Ends a job every 100 ms, from number 1 on. */
const work = (shown: progress.Progress, jobs: number, exitCode = 0) =>
  Effect.gen(function* () {
    for (let seq = 1; seq <= jobs; seq++) {
      start(shown, seq, 0)
      yield* Effect.sleep("100 millis")
      end(shown, seq, exitCode)
    }
  })

describe("progress without a terminal", () => {
  it("is off unless it is asked for", () => {
    const streams = [recorder(), recorder(true), recorder(true)] as const
    const modes = run(
      Effect.gen(function* () {
        const off = yield* progress.make({ stream: streams[0], env })
        const dumb = yield* progress.make({ stream: streams[1], env: { TERM: "dumb" } })
        const ci = yield* progress.make({ stream: streams[2], env: { CI: "1" } })
        yield* work(off, 10)
        yield* off.log("said")
        return [off.mode, dumb.mode, ci.mode]
      })
    )
    expect([modes, streams.map(({ written }) => written)]).toEqual([
      ["off", "off", "off"],
      [["said\n"], [], []]
    ])
  })

  it("writes a plain line every five seconds, and one at the end", () => {
    const stream = recorder()
    run(
      Effect.gen(function* () {
        const shown = yield* progress.make({ stream, env, mode: "plain", total: 120 })
        shown.skipped()
        yield* Effect.sleep("1 millis")
        yield* work(shown, 100, 1)
        shown.observer.started?.(jobOf(101), 2, 1, 0)
      })
    )
    expect(stream.written).toEqual([
      "50 of 120 jobs done (41%), 1 of them earlier, 9.8/s, about 8s left, 49 failed, 1 running\n",
      "100 of 120 jobs done (83%), 1 of them earlier, 9.9/s, about 3s left, 99 failed, 1 running\n",
      "101 of 120 jobs done (84%), 1 of them earlier, 10/s, about 2s left, 100 failed, 1 tried again, 1 running\n"
    ])
  })

  it("counts where the number of jobs is not known, until it is", () => {
    const stream = recorder()
    run(
      Effect.gen(function* () {
        const shown = yield* progress.make({ stream, env, mode: "plain", every: "1 second" })
        yield* Effect.sleep("1 millis")
        yield* work(shown, 10)
        shown.total(10)
      })
    )
    expect(stream.written).toEqual(["9 jobs done, 9/s, 1 running\n", "10 of 10 jobs done (100%), 10/s\n"])
  })
})

describe("progress on a terminal", () => {
  it("shows a bar and the jobs that run longest, at most as many as asked for, from a second on", () => {
    const { seen, stream } = terminal()
    const frames = run(
      Effect.gen(function* () {
        const shown = yield* progress.make({ stream, env, total: 10, slowest: 2 })
        yield* Effect.sleep("1 millis")
        start(shown, 1, 0)
        start(shown, 2, 0, 2)
        yield* Effect.sleep("1 second")
        end(shown, 1)
        start(shown, 3, 800)
        start(shown, 4, 900)
        const first = seen()
        yield* Effect.sleep("71 seconds")
        return [first, seen()]
      })
    )
    expect(frames).toEqual([
      [`${"─".repeat(30)}    0 / 10    0%   2 running   1 tried again`, "     1s  work 1", "     1s  work 2  (attempt 2)"],
      ["━────────────    1 / 10   10%   10m 48s left   50/h   3 running   1 tried again", " 1m 12s  work 2  (attempt 2)", " 1m 11s  work 3"]
    ])
  })

  it("is wiped when the scope closes", () => {
    const { seen, stream } = terminal()
    run(
      Effect.andThen(
        Effect.flatMap(progress.make({ stream, env, total: 3 }), (shown) => shown.log("said")),
        Effect.sleep("1 second")
      )
    )
    expect(seen()).toEqual(["said"])
  })

  it("is drawn at most ten times a second, however much happens", () => {
    const { stream } = terminal()
    run(
      Effect.gen(function* () {
        const shown = yield* progress.make({ stream, env, total: 100_000 })
        for (let seq = 1; seq <= 1000; seq++) {
          end(shown, seq)
          yield* Effect.sleep("1 millis")
        }
        expect([9, 10, 11]).toContain(stream.writes)
      })
    )
  })

  it("is not drawn while nothing changes", () => {
    const { stream } = terminal()
    run(
      Effect.gen(function* () {
        yield* progress.make({ stream, env, total: 3 })
        yield* Effect.sleep("1 minute")
        expect(stream.writes).toBe(1)
      })
    )
  })

  it("lets output pass above it", () => {
    const { screen, seen, stream } = terminal()
    run(
      Effect.gen(function* () {
        const shown = yield* progress.make({ stream, env, total: 3 })
        yield* Effect.sleep("1 millis")
        screen.write(Buffer.from(shown.around(Buffer.from("one\ntw"))).toString())
        end(shown, 1)
        yield* Effect.sleep("100 millis")
        screen.write(Buffer.from(shown.around(Buffer.from("o\n"))).toString())
        expect(seen()).toEqual(["one", "two", `━━━━━━━━━━────────────────────   1 / 3   33%   0 running`])
      })
    )
  })

  it.each([1, 5, 10, 20, 33, 47, 61, 80, 200])("fits into a window of %i columns, and into few rows", (columns) => {
    const { seen, stream } = terminal(columns, 3)
    run(
      Effect.gen(function* () {
        const shown = yield* progress.make({ stream, env, total: 1000 })
        yield* Effect.sleep("1 millis")
        for (let seq = 101; seq <= 108; seq++) start(shown, seq, 0, 3)
        yield* work(shown, 20, 1)
        expect(seen().length).toBeLessThanOrEqual(2)
        expect(Math.max(...seen().map((line) => line.length))).toBeLessThan(Math.max(2, columns))
      })
    )
  })

  it("follows the window", () => {
    const { seen, stream } = terminal(100)
    run(
      Effect.gen(function* () {
        yield* progress.make({ stream, env, total: 1000 })
        stream.columns = 30
        yield* Effect.sleep("101 millis")
        expect(seen().map((line) => line.length <= 29)).toEqual([true])
      })
    )
  })

  it("shows commands on one line each, without what would move the cursor", () => {
    const { seen, stream } = terminal(40)
    run(
      Effect.gen(function* () {
        const shown = yield* progress.make({ stream, env })
        shown.observer.started?.(jobOf(1, `echo 'a\n\u001b[2Jb\u0007' ${"long ".repeat(50)}`), 1, 1, 0)
        yield* Effect.sleep("1100 millis")
        expect(seen()).toEqual(["0 done   1 running", "     1s  echo 'a⏎b�' long long long lo…"])
      })
    )
  })

  it("uses colours unless NO_COLOR is set", () => {
    const [color, none] = [recorder(true), recorder(true)]
    run(Effect.andThen(progress.make({ stream: color, env, total: 2 }), progress.make({ stream: none, env: { NO_COLOR: "1" }, total: 2 })))
    const plain = none.written[0]!
    expect([plain, stripVTControlCharacters(color.written[0]!)]).toEqual([stripVTControlCharacters(plain), plain])
    expect(color.written[0]).not.toBe(plain)
  })
})
