/**
 * The laws of DESIGN.md section 4 where each piece of work is a command, through each entry point; and what a command cannot promise, each cell shown.
 *
 * | | a command |
 * | --- | --- |
 * | the program survives whatever it does | yes |
 * | a loop that never waits, and a call that is stuck in the system, can be ended | yes |
 * | cleanup runs | its own handler of the signal, as long as the stop sequence gives it; nothing in it after that |
 * | a success is kept that comes although it was asked to stop | no: an exit code of 0 may say that it stopped in order. Made uninterruptible, it is not asked |
 * | the deadline around it is answered inside | no: it sees a signal, and what it had is lost |
 * | it fails by a defect | never: an exit code and a signal are typed failures |
 * | values arrive as what they are | no: as text and bytes |
 * | what it started is gone when it has ended well | no, unless `leftovers: "kill"`: it may have meant to leave it |
 *
 * Real here: the programs, their process trees, signals, and time limits. Tests wait for what they want to see; a try that met a limit because the machine was slow is made again with twice the time.
 */
import { Deadline, GatherResult } from "@skein/core"
import * as TaskGroup from "@skein/core/TaskGroup"
import * as Command from "@skein/node/Command"
import * as ProcessTree from "@skein/node/ProcessTree"
import { ParallelExecutor, parallelMap } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { randomInt } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { commandOf, flaky, patient, work } from "../kit/commands.ts"
import { entriesOf, folder, inTime, linesOf, open, peakOf, type Piece, until, wordsOf } from "../kit/flavours.ts"
import { quiet } from "../kit/law.ts"
import { soak } from "../kit/seeds.ts"

const { file, remove } = folder()
afterAll(remove)

const entries = entriesOf(work)

// A tree of their own: what one of these tests leaves is found when it closes.
let runtime: ManagedRuntime.ManagedRuntime<never, never>
beforeAll(() => {
  runtime = ManagedRuntime.make(ProcessTree.layer())
})
afterAll(() => runtime.dispose())
const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => runtime.runPromise(effect)

/** Who lives and has a text among its arguments. */
const living = (text: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "latin1").includes(text)
    } catch {
      return false
    }
  })

/** A time for `sleep` by which it is known. */
const unique = (): string => `1000.${randomInt(1e9)}`

const sh = (script: string, args: ReadonlyArray<string> = [], options: Command.Options = {}): Command.Command =>
  Command.make(script, args, { ...options, shell: "/bin/sh" })

describe("with commands,", () => {
  describe.each(Object.entries(entries))("%s:", (_, entry) => {
    it("laws 1 and 2: when its owner is interrupted it is asked to stop once, and the owner ends after its cleanup", async () => {
      const [path, gate, never] = [file(), file(), file()]
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
        return [early, linesOf(path), living(path)] as const
      })
      const [early, lines, left] = await run(program)
      expect(early).toBe(undefined)
      expect(lines.slice(2, 4).toSorted()).toEqual(["a is asked to stop", "b is asked to stop"])
      expect(lines.slice(4).toSorted()).toEqual(["a is clean", "b is clean"])
      expect(left).toEqual([])
    })

    it("laws 3, 6, 7 and 8: one outcome per input, in input order, each failure with its reason, whatever becomes of the others", async () => {
      const path = file()
      const result = await run(
        entry([
          { name: "a", path },
          { name: "b", path, ends: "fail" },
          { name: "c", path, ends: "die" },
          { name: "d", path, ends: "exit" },
          { name: "e", path }
        ])
      )
      expect(wordsOf(result)).toEqual(["value of a", "Fail", "Fail", "Fail", "value of e"])
      expect(result.outcomes.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
      const reasons = GatherResult.errors(result).map(({ cause }) => (Cause.squash(cause) as Command.CommandError).reason)
      expect(reasons).toMatchObject([
        { _tag: "NonZeroExit", code: 1, stderr: "error of b\n" },
        { _tag: "Signaled", signal: "SIGKILL" },
        { _tag: "NonZeroExit", code: 3 }
      ])
    })

    it("law 4: no more run at once than its bound", async () => {
      const path = file()
      const pieces = Array.from({ length: 12 }, (_, i): Piece => ({ name: `p${i}`, path }))
      expect((await run(entry(pieces, { concurrency: 2 }))).completed).toBe(12)
      expect(peakOf(linesOf(path))).toBeLessThanOrEqual(2)
    })

    it("law 13: observers see each outcome once, and what they throw changes nothing", async () => {
      const path = file()
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

  it("law 4: a command that is asked to stop keeps its place until it has ended", async () => {
    const attempt = (millis: number) =>
      Effect.gen(function* () {
        const [path, never, gate] = [file(), file(), file()]
        const pieces: ReadonlyArray<Piece> = [
          { name: "first", path, gate: never, cleanup: { gate } },
          { name: "second", path }
        ]
        const fiber = yield* Effect.forkChild(parallelMap(pieces, work, { concurrency: 1, taskTimeout: millis }))
        yield* until(() => linesOf(path).length === 2)
        yield* Effect.sleep(30)
        const early = linesOf(path)
        open(gate)
        return [early, wordsOf(yield* Fiber.join(fiber)), linesOf(path)] as const
      })
    const [early, words, lines] = await run(
      inTime(attempt, ([[first], words]) => first === "first starts" && words[1] === "value of second", 200)
    )
    expect(early).toEqual(["first starts", "first is asked to stop"])
    expect(words).toEqual(["timeout task", "value of second"])
    expect(lines.slice(2)).toEqual(["first is clean", "second starts", "second is clean"])
  })

  it("law 5: fail-fast fails with the original typed error once the siblings are clean, and keeps what was finished", async () => {
    for (const how of ["parallelMap", "TaskGroup", "ParallelExecutor"]) {
      const [path, never, gate] = [file(), file(), file()]
      const pieces: ReadonlyArray<Piece> = [
        { name: "done", path },
        { name: "bad", path, gate, ends: "fail" },
        { name: "waits", path, gate: never }
      ]
      let settled = 0
      const onOutcome = (): void => void settled++
      const all: Effect.Effect<unknown, unknown> =
        how === "parallelMap"
          ? parallelMap(pieces, work, { onFailure: "interrupt", onOutcome })
          : how === "TaskGroup"
            ? TaskGroup.run({ onOutcome }, (group: TaskGroup.TaskGroup<Command.CommandError>) =>
                Effect.forEach(pieces, (one) => group.spawn(work(one)))
              )
            : Effect.scoped(
                Effect.flatMap(ParallelExecutor.make(), (executor) => executor.map(pieces, work, { onFailure: "interrupt", onOutcome }))
              )
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.exit(all))
        yield* until(() => linesOf(path).includes("waits starts") && linesOf(path).includes("bad starts") && settled === 1)
        open(gate)
        return [yield* Fiber.join(fiber), linesOf(path)] as const
      })
      const [exit, lines] = await run(program)
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      const errors = cause.reasons.filter(Cause.isFailReason).map(({ error }) => (error as Command.CommandError).reason)
      expect([how, errors]).toMatchObject([how, [{ _tag: "NonZeroExit", code: 1, stderr: "error of bad\n" }]])
      expect(lines.slice(-2)).toEqual(["waits is asked to stop", "waits is clean"])
      expect(wordsOf(GatherResult.fromCause(cause) as never)).toEqual(["value of done", "Fail", "cancelled SiblingFailed"])
    }
  })

  it("law 8: a command that somebody kills fails by that signal, and no other", async () => {
    const [path, gate, never] = [file(), file(), file()]
    const pieces: ReadonlyArray<Piece> = [
      { name: "victim", path, gate: never },
      { name: "other", path, gate }
    ]
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(parallelMap(pieces, work))
      yield* until(() => linesOf(path).length === 2)
      // Its shell, which has the name as an argument; not the `sleep` in it.
      for (const pid of living(never)) process.kill(Number(pid), "SIGSEGV")
      yield* until(() => living(never).length === 0)
      open(gate)
      return yield* Fiber.join(fiber)
    })
    const result = await run(program)
    expect(wordsOf(result)).toEqual(["Fail", "value of other"])
    expect(Cause.squash(GatherResult.errors(result)[0]!.cause)).toMatchObject({ reason: { _tag: "Signaled", signal: "SIGSEGV" } })
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
      return Effect.map(parallelMap(pieces, work, { concurrency: 2, timeout: millis }), (result) => [result, linesOf(path)] as const)
    }
    const [result, lines] = await run(inTime(attempt, ([, lines]) => lines.includes("hangs too starts")))
    expect(wordsOf(result).slice(0, 3)).toEqual(["value of quick", "timeout call", "timeout call"])
    expect(result.outcomes[3]!._tag).toBe("NotStarted")
    expect(lines.filter((line) => line.startsWith("never started"))).toEqual([])
    expect(lines.filter((line) => line.endsWith("is clean")).toSorted()).toEqual(["hangs is clean", "hangs too is clean", "quick is clean"])
  })

  it("law 9: a command that is not to be interrupted is not asked to stop, and its success is kept, and late", async () => {
    const [path, gate] = [file(), file()]
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        parallelMap([{ name: "pays", path, gate, uninterruptible: true }], work, { stop: until(() => linesOf(path).length === 1) })
      )
      yield* until(() => linesOf(path).length === 1)
      yield* Effect.sleep(50)
      open(gate)
      return [wordsOf(yield* Fiber.join(fiber)), linesOf(path)] as const
    })
    expect(await run(program)).toEqual([["value of pays, late"], ["pays starts", "pays is clean"]])
  })

  it("law 11: the time in a caller's line does not count against a task", async () => {
    const attempt = (millis: number) =>
      Effect.gen(function* () {
        const [path, gate] = [file(), file()]
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
        const result = yield* parallelMap(pieces, work, { concurrency: 1, taskTimeout: millis })
        yield* Fiber.join(opening)
        return wordsOf(result)
      })
    expect(await run(inTime(attempt, ([, second]) => second === "value of second"))).toEqual(["value of first, late", "value of second"])
  })

  it("law 12: a retry is part of its task, and its attempts are listed", async () => {
    const path = file()
    const result = await run(parallelMap([path], (path) => flaky(path, 2), { retry: { times: 3 } }))
    const [outcome] = result.outcomes
    const codes = outcome!.attemptCauses.map((cause) => (Cause.squash(cause) as Command.CommandError).reason)
    expect([outcome!.status, outcome!.attempts, linesOf(path).length]).toEqual(["completed", 3, 3])
    expect(codes).toMatchObject([
      { _tag: "NonZeroExit", code: 1 },
      { _tag: "NonZeroExit", code: 1 }
    ])
  })

  it("law 14: a command may run inside a task of the same executor of one, three deep", async () => {
    const path = file()
    const program = Effect.gen(function* () {
      const executor = yield* ParallelExecutor.make({ concurrency: 1 })
      const deeper = (levels: number): Effect.Effect<string, unknown> =>
        levels === 0
          ? work({ name: "deep", path })
          : Effect.map(executor.map([levels - 1], deeper, { onFailure: "interrupt" }), ({ outcomes: [outcome] }) =>
              outcome?._tag === "Completed" ? outcome.value : "lost"
            )
      return yield* deeper(3)
    })
    expect(await run(Effect.scoped(program))).toBe("value of deep")
  })

  it("law 14: a command may run a program that runs commands, and is stopped with all of them", async () => {
    const [path, never, source] = [file(), file(), file()]
    const url = (module: string): string => JSON.stringify(new URL(import.meta.resolve(module)).href)
    writeFileSync(
      `${source}.ts`,
      `import * as Effect from ${url("effect/Effect")}
import { parallelMap } from ${url("@skein/parallel")}
import { work } from ${JSON.stringify(new URL("../kit/commands.ts", import.meta.url).href)}
const pieces = ["a", "b"].map((name) => ({ name, path: ${JSON.stringify(path)}, gate: ${JSON.stringify(never)} }))
await Effect.runPromise(parallelMap(pieces, work))
`
    )
    const program = Effect.gen(function* () {
      const inner = Command.make(process.execPath, ["--conditions", "development", `${source}.ts`], patient)
      const fiber = yield* Effect.forkChild(parallelMap([0], () => inner))
      yield* until(() => linesOf(path).length === 2)
      yield* Fiber.interrupt(fiber)
      return living(path)
    })
    expect(await run(program)).toEqual([])
  })

  it("law 15: after close no command starts", async () => {
    const path = file()
    const executor = await run(Effect.scoped(ParallelExecutor.make()))
    const exit = await run(Effect.exit(executor.map([{ name: "later", path }], work)))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: expect.stringMatching(/Closed/) })
    expect(linesOf(path)).toEqual([])
  })

  it("law 17: misuse is refused before anything starts", () => {
    const path = file()
    expect(() => parallelMap([{ name: "a", path }], work, { concurrency: 0 })).toThrow(RangeError)
    expect(() => Command.make("touch", [`${path}\0`])).toThrow(RangeError)
    expect(existsSync(path)).toBe(false)
  })

  it("law 18: interrupted at many moments, whatever started is clean when the owner has ended, and nobody is left", async () => {
    const program = Effect.gen(function* () {
      for (let moment = 0; moment < (soak ? 400 : 24); moment++) {
        const path = file()
        const pieces = Array.from({ length: 40 }, (_, i): Piece => ({ name: `p${i}`, path }))
        const all = Object.values(entries)
        const owner = yield* Effect.forkChild(all[moment % all.length]!(pieces, { concurrency: 4 }))
        // At a line of the notes, and some turns of the loop later.
        yield* until(() => linesOf(path).length >= (moment * 7) % 60 || owner.pollUnsafe() !== undefined)
        for (let turn = 0; turn < moment % 5; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(owner)
        const [lines, left] = [linesOf(path), living(path)]
        if (left.length > 0) return `moment ${moment}: ${left.length} are left`
        yield* Effect.sleep(1)
        if (linesOf(path).length !== lines.length) return `moment ${moment}: ${linesOf(path).slice(lines.length).join(", ")} after the end`
        const starts = lines.filter((line) => line.endsWith(" starts")).length
        const cleans = lines.filter((line) => line.endsWith(" is clean")).length
        if (starts !== cleans) return `moment ${moment}: ${starts} started and ${cleans} are clean`
      }
      return "clean"
    })
    expect(await run(program)).toBe("clean")
  })
})

describe("a command", () => {
  it.each([
    ["exits with a code", "exit 5", { _tag: "NonZeroExit", code: 5 }],
    ["dies by a signal", "kill -s SEGV $$", { _tag: "Signaled", signal: "SIGSEGV" }],
    ["is killed, which is never a success", "kill -s KILL $$", { _tag: "Signaled", signal: "SIGKILL" }]
  ])("fails by a typed failure and no defect when it %s", async (_, script, reason) => {
    expect(await run(Effect.flip(sh(script)))).toMatchObject({ reason })
  })

  it("is stopped in a loop that never waits", async () => {
    const path = file()
    const loop = sh(`trap 'echo asked' TERM; echo starts >> "$1"; while :; do :; done`, [path], { stop: [{ signal: "SIGTERM", wait: 50 }] })
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.exit(loop))
      yield* until(() => linesOf(path).length === 1)
      return Exit.hasInterrupts(yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber)))
    })
    expect([await run(program), living(path)]).toEqual([true, []])
  })

  it("is ended in a call that is stuck in the system", async () => {
    const [path, pipe] = [file(), file()]
    // The opening of a named pipe waits for its other end, and the shell hears of no signal meanwhile that it handles.
    const stuck = sh(`mkfifo "$2"; trap '' TERM; echo starts >> "$1"; read -r line < "$2"`, [path, pipe], {
      stop: [{ signal: "SIGTERM", wait: 50 }]
    })
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(stuck)
      yield* until(() => linesOf(path).length === 1)
      yield* Fiber.interrupt(fiber)
    })
    await run(program)
    expect(living(path)).toEqual([])
  })

  it("cannot finish a cleanup that takes longer than its stop sequence", async () => {
    const [path, never] = [file(), file()]
    const piece = { name: "slow", path, gate: never, cleanup: { gate: never } }
    const { args, options, program: script } = commandOf(piece)
    const slow = Command.make(script, args, { ...options, stop: [{ signal: "SIGTERM", wait: 50 }] })
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(slow)
      yield* until(() => linesOf(path).length === 1)
      yield* Fiber.interrupt(fiber)
    })
    await run(program)
    expect([linesOf(path).filter((line) => line.endsWith("clean")), living(path)]).toEqual([[], []])
  })

  it("loses a success that comes although it was asked to stop, for it looks like a stop in order", async () => {
    const path = file()
    const orderly = sh(`trap 'echo done; exit 0' TERM; echo starts >> "$1"; while :; do sleep 0.005; done`, [path], patient)
    const result = await run(
      parallelMap([0], () => Effect.map(orderly, ({ stdout }) => stdout), { stop: until(() => linesOf(path).length === 1) })
    )
    expect(wordsOf(result)).toEqual(["cancelled Stopped"])
  })

  it("does not answer a deadline inside", async () => {
    const path = file()
    const attempt = (millis: number) => {
      const slow = sh(`echo first; echo starts >> "$1"; sleep 60`, [path])
      return Effect.map(Effect.exit(Deadline.within(slow, millis)), (exit) => [exit, linesOf(path)] as const)
    }
    const [exit] = await run(inTime(attempt, ([, lines]) => lines.length > 0))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: "DeadlineExceeded" })
  })

  it("gives text, whatever it meant", async () => {
    expect((await run(sh("echo 42"))).stdout).toBe("42\n")
  })

  it("ends with its grandchildren when it is asked to stop, those that left its session too", async () => {
    const [path, text] = [file(), unique()]
    const parent = sh(`sleep ${text} & setsid sleep ${text} & echo starts >> "$1"; wait`, [path])
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(parent)
      yield* until(() => linesOf(path).length === 1 && living(text).length === 3)
      yield* Fiber.interrupt(fiber)
      return living(text)
    })
    expect(await run(program)).toEqual([])
  })

  it.each([
    ["leaves what it started when it ended well", "leave", 1],
    ["takes with it what it started, where that is asked for", "kill", 0]
  ] as const)("%s", async (_, leftovers, left) => {
    const text = unique()
    await run(sh(`setsid sleep ${text} >/dev/null 2>&1 & exit 0`, [], { leftovers }))
    if (left > 0) await run(until(() => living(text).length === 1))
    expect(living(text)).toHaveLength(left)
    for (const pid of living(text)) process.kill(Number(pid))
  })
})
