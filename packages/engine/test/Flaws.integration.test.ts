/** Flaws of other engines of jobs where work runs in threads and processes. Real here: the threads, the processes, and the clock. */
import * as Command from "@skein/node/Command"
import * as ProcessTree from "@skein/node/ProcessTree"
import * as Workers from "@skein/node/Workers"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { tell } from "./engineKit.ts"
import { adds, exits, spins } from "./fixtures/flawTasks.ts"

const folder = mkdtempSync(join(tmpdir(), "flaws-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** In two threads at most. */
const inThreads = <A>(program: Effect.Effect<A, unknown, Scope.Scope | Effect.Services<typeof Workers.Workers>>): Promise<A> =>
  Effect.runPromise(Effect.provide(Effect.scoped(program), Workers.layer({ size: 2, grace: 100 })))

const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep(2), until(holds))))

const lines = (path: string): ReadonlyArray<string> =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : []

/** A process that has ended and that nobody has asked about has no arguments any more. */
const isAlive = (pid: string): boolean => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "latin1") !== ""

describe("a job in a thread that never looks up", () => {
  it("holds up neither the other jobs nor who submits more, and is stopped when it is cancelled", async () => {
    const path = join(folder, "busy.txt")
    const words = await inThreads(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const busy = yield* engine.submit(Job.make("busy", { run: spins(path) }))
        yield* until(() => existsSync(path))
        const beside = yield* (yield* engine.submit(Job.make("beside", { run: adds(1) }))).join
        yield* Effect.forkChild(busy.cancel("enough"))
        const meanwhile = yield* (yield* engine.submit(Job.make("meanwhile", { run: Effect.succeed("not held up") }))).join
        const isOver = busy.state._tag === "Ended"
        return [beside, meanwhile, isOver, yield* tell(busy), yield* (yield* engine.submit(Job.make("after", { run: adds(2) }))).join]
      })
    )
    expect(words).toEqual([2, "not held up", false, "cancelled: cancelled on request: enough", 3])
  })
})

describe("a job that ends its thread", () => {
  it("fails, and the engine and its other jobs go on", async () => {
    const [end, ...others] = await inThreads(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const handles = yield* engine.submitAll([
          Job.make("exits", { run: exits(3) }),
          ...[1, 2, 3].map((n) => Job.make("adds", { run: adds(n) }))
        ])
        return yield* Effect.forEach(handles as ReadonlyArray<Job.Handle<unknown, unknown>>, tell)
      })
    )
    expect(end).toMatch(/^failed .*exit/)
    expect(others).toEqual(["completed 2", "completed 3", "completed 4"])
  })
})

describe("forty jobs in threads", () => {
  it("leave no thread behind but those of the pool", async () => {
    const [completed, threads] = await inThreads(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        yield* engine.submitAll(Array.from({ length: 40 }, (_, n) => Job.make("adds", { run: adds(n) })))
        yield* engine.awaitIdle
        const { busy, idle, leaving, starting } = yield* Effect.flatMap(Workers.Workers, ({ stats }) => stats)
        return [(yield* engine.stats).ended.completed, busy + idle + leaving + starting]
      })
    )
    expect(completed).toBe(40)
    expect(threads).toBeLessThanOrEqual(2)
  })
})

describe("a job that is a command", () => {
  const run = <A>(program: Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
    Effect.runPromise(Effect.provide(Effect.scoped(program), ProcessTree.layer()))

  it("that somebody kills has failed", async () => {
    const said = await run(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const killed = Command.make("kill -s KILL $$", [], { shell: "/bin/sh" })
        return yield* tell(yield* engine.submit(Job.make("killed", { run: killed })))
      })
    )
    expect(said).toMatch(/^failed .*SIGKILL/)
  })

  it("is gone with its grandchildren when it is cancelled, also where it ignores a first signal", async () => {
    const pids = join(folder, "pids")
    const script = `trap '' TERM; sleep 1000 & echo $! > ${pids}; echo $$ >> ${pids}; wait; wait; wait`
    const left = await run(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const command = Command.make(script, [], { shell: "/bin/sh", stop: [{ signal: "SIGTERM", wait: 50 }] })
        const handle = yield* engine.submit(Job.make("stubborn", { run: command }))
        yield* until(() => lines(pids).length === 2)
        yield* handle.cancel()
        return lines(pids).filter(isAlive)
      })
    )
    expect(left).toEqual([])
  })

  it("is stopped also where it is cancelled while it starts", async () => {
    const said = await run(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const ends: Array<string> = []
        for (let turns = 0; turns < 12; turns++) {
          const handle = yield* engine.submit(Job.make("starts", { run: Command.make("sleep", ["1000"]) }))
          for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
          ends.push(Job.endWord(yield* handle.cancel()))
        }
        return ends
      })
    )
    expect(said).toEqual(Array.from({ length: 12 }, () => "cancelled"))
  })
})
