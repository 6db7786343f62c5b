/**
 * What a flavour cannot promise, each cell shown.
 *
 * | | inline | worker | process |
 * | --- | --- | --- | --- |
 * | the program survives `process.exit` and throws that nobody catches | no | yes | yes |
 * | … a full JavaScript heap | no | yes | yes |
 * | … a native crash | no | no | yes |
 * | a loop that never waits can be stopped | no | yes | yes |
 * | a call into the system that does not return can be ended | no | no: listed as stuck | yes |
 * | cleanup always runs | yes | no: skipped where a worker is ended by force, and marked | as worker |
 * | memory can be shared | yes | yes | no: refused |
 * | values arrive as what they are | yes | as copies | as copies |
 */
// Real here: programs, threads and processes, and how they end.
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import * as boundary from "./fixtures/boundaryTasks.ts"
import { causeOf, folder, linesOf, names, open, reasonOf, runner, until } from "./fixtures/kit.ts"
import * as tasks from "./fixtures/tasks.ts"
import * as work from "./fixtures/workTasks.ts"

const { file, remove } = folder()
afterAll(remove)

const all = ["inline", ...names] as const
/** Runs a program on a flavour, or inline. */
const on = (flavour: (typeof all)[number]) => {
  const { run } = runner(flavour === "inline" ? "worker" : flavour)
  const inline = <A, E>(effect: Effect.Effect<A, E>, _?: Parameters<typeof run>[1]): Promise<A> => Effect.runPromise(effect)
  return flavour === "inline" ? (inline as typeof run) : run
}

/** How a program ended in which a task ended so. */
const programOf = async (flavour: string, how: string): Promise<string> => {
  const path = fileURLToPath(new URL("./fixtures/ends.ts", import.meta.url))
  const program = spawn(process.execPath, ["--max-old-space-size=48", path, flavour, how, file()], { stdio: ["ignore", "pipe", "ignore"] })
  let output = ""
  program.stdout.setEncoding("utf8").on("data", (text) => (output += text))
  const [code, signal] = (await once(program, "close")) as [number | null, string | null]
  return code === 0 ? output : `died${signal === null ? ` with ${code}` : ` by ${signal}`}: ${output}`
}

describe("the program", () => {
  const survived = "survived, Lost\n"
  it.each([
    ["inline", "exit", /^died with 7: $/],
    ["inline", "throw later", /^died with 1: $/],
    ["inline", "out of memory", /^died (by SIG|with 1)/],
    ["inline", "crash", /^died (by SIGSEGV|with 139)/],
    ["inline", "abort", /^died (by SIGABRT|with 134)/],
    ["worker", "exit", survived],
    ["worker", "throw later", survived],
    ["worker", "out of memory", survived],
    ["worker", "crash", /^died (by SIGSEGV|with 139)/],
    ["process", "exit", survived],
    ["process", "throw later", survived],
    ["process", "out of memory", survived],
    ["process", "abort", survived],
    ["process", "crash", survived],
    // As the kernel does it to a process that takes more memory than there is.
    ["process", "kill", survived]
  ] as const)("of the %s flavour, when a task ends by %s", async (flavour, how, end) => {
    const ended = await programOf(flavour, how)
    expect(ended).toMatch(typeof end === "string" ? new RegExp(`^${end}$`) : end)
  })
})

describe.each(all)("the %s flavour", (flavour) => {
  const run = on(flavour)

  it(flavour === "inline" ? "cannot stop a loop that never waits" : "stops a loop that never waits", async () => {
    const path = file()
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.andThen(
          tasks.busyEffect({ millis: flavour === "inline" ? 100 : 3_600_000, path }),
          Effect.sync(() => open(`${path}.over`))
        )
      )
      yield* until(() => linesOf(path).length === 1)
      yield* Fiber.interrupt(fiber)
      return yield* Fiber.await(fiber)
    })
    const exit = await run(program, { size: 1 })
    // Inline nobody could even look before the loop was over.
    expect(Exit.hasInterrupts(exit)).toBe(flavour !== "inline")
    if (flavour !== "inline") expect(TaskRunner.killedIn(causeOf(exit))).toEqual({ flavour, worker: 1 })
  })

  it(
    flavour === "inline" ? "runs all cleanup, however long it takes" : "skips cleanup that takes longer than the grace, and says so",
    async () => {
      const path = file()
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(tasks.tidy({ path, cleanup: flavour === "inline" ? 1_000 : 3_600_000 }))
        yield* until(() => linesOf(path).length === 1)
        yield* Fiber.interrupt(fiber)
        return yield* Fiber.await(fiber)
      })
      const exit = await run(program, { size: 1, grace: "300 millis" })
      expect([linesOf(path).includes("cleaned"), TaskRunner.killedIn(causeOf(exit))]).toEqual(
        flavour === "inline" ? [true, undefined] : [false, { flavour, worker: 1 }]
      )
    }
  )

  it(flavour === "process" ? "refuses shared memory" : "shares memory", async () => {
    const memory = new SharedArrayBuffer(8)
    const result = await run(Effect.result(boundary.shares(memory)))
    expect([result._tag, new Int32Array(memory)[0]]).toEqual(flavour === "process" ? ["Failure", 0] : ["Success", 7])
    if (result._tag === "Failure") expect(reasonOf(result.failure)).toMatchObject({ _tag: "Rejected" })
  })

  it(flavour === "inline" ? "hands over values as they are" : "hands over copies of values", async () => {
    const value = { list: [1] }
    expect((await run(boundary.anything(value))) === value).toBe(flavour === "inline")
  })
})

describe("a call into the system that does not return", () => {
  const pipe = (): string => {
    const path = file()
    execFileSync("mkfifo", [path])
    return path
  }

  it.each(names)("in a worker of the %s flavour", async (flavour) => {
    const { events, numbers, run } = runner(flavour)
    const [path, at] = [file(), pipe()]
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(work.blocks({ path, pipe: at }))
      yield* until(() => linesOf(path).length === 1)
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      const stuck = events.filter(({ _tag }) => _tag === "Stuck")
      const sum = yield* tasks.add({ a: 1, b: 1 })
      // Lets the thread go, which nothing else can.
      if (flavour === "worker") {
        const fd = openSync(at, "w")
        yield* until(() => numbers("Ended").includes(1))
        closeSync(fd)
      }
      return { exit, stuck, sum }
    })
    const { exit, stuck, sum } = await run(program, { size: 1, grace: "100 millis" })
    expect(TaskRunner.killedIn(causeOf(exit))).toEqual({ flavour, worker: 1 })
    expect(stuck).toEqual(flavour === "worker" ? [{ _tag: "Stuck", worker: 1, task: "blocks" }] : [])
    expect(sum).toBe(2)
  })

  it("inline stops the whole program", async () => {
    const [path, at] = [file(), pipe()]
    const other = spawn("sh", ["-c", `while [ ! -s ${path} ]; do sleep 0.01; done; sleep 0.2; : > ${at}`], { stdio: "ignore" })
    let [last, longest] = [performance.now(), 0]
    const tick = (): void => {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }
    const timer = setInterval(tick, 5)
    await Effect.runPromise(
      Effect.andThen(
        Effect.sync(() => (longest = 0)),
        work.blocks({ path, pipe: at })
      )
    )
    tick()
    clearInterval(timer)
    // No timer came in 200 ms.
    expect(longest).toBeGreaterThan(190)
    if (other.exitCode === null) await once(other, "exit")
  })
})
