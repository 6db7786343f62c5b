// Real here: the programs that are run. A command is an effect like any other; these are the operators that its users put around it.
import * as Deadline from "@skein/core/Deadline"
import * as TaskGroup from "@skein/core/TaskGroup"
import { fanOut } from "@skein/parallel/fanOut"
import * as Joiner from "@skein/parallel/Joiner"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import * as Command from "../src/Command.ts"
import { carriers } from "./fixtures/processes.ts"

let mark = ""
beforeEach(() => {
  mark = randomUUID()
})

const script = (text: string, args: ReadonlyArray<string> = [], options: Command.Options = {}): Command.Command =>
  Command.make(text, args, { shell: "sh", env: { MARK: mark }, ...options })

describe("a command", () => {
  it("is yielded in a generator", async () => {
    const program = Effect.gen(function* () {
      const { stdout } = yield* Command.template`echo ${"it's"}`
      return stdout
    })
    expect(await Effect.runPromise(program)).toBe("it's\n")
  })

  it("runs for each item of a parallelMap, and its failure is that item's outcome", async () => {
    const result = await Effect.runPromise(
      parallelMap([0, 3, 0], (code) => script(`echo "$1"; exit "$1"`, [String(code)]), { concurrency: 2 })
    )
    expect(result.outcomes.map(({ status }) => status)).toEqual(["completed", "failed", "completed"])
  })

  it("is stopped when a sibling of it fails in a parallelMap that interrupts", async () => {
    const commands = [script("sleep 300"), script("exit 1"), script("(setsid sleep 300 &); sleep 300")]
    const error = await Effect.runPromise(
      Effect.flip(parallelMap(commands, (command) => command, { concurrency: 3, onFailure: "interrupt" }))
    )
    expect([error.reason._tag, carriers(mark)]).toEqual(["NonZeroExit", []])
  })

  it("lives in a TaskGroup and ends with it", async () => {
    const stdout = await Effect.runPromise(
      TaskGroup.run({}, (group: TaskGroup.TaskGroup<Command.CommandError>) =>
        Effect.gen(function* () {
          yield* group.spawn(script("(setsid sleep 300 &); sleep 300"))
          const quick = yield* group.spawn(script("echo quick"))
          const { stdout } = yield* quick.join
          yield* group.cancel()
          return stdout
        })
      )
    )
    expect([stdout, carriers(mark)]).toEqual(["quick\n", []])
  })

  it("is tried again by a schedule", async () => {
    const path = join(tmpdir(), `skein-test-${mark}`)
    const command = script(`echo x >> "$1"; [ $(wc -l < "$1") -ge 3 ]`, [path])
    await Effect.runPromise(Effect.retry(command, Schedule.recurs(5)))
    expect(fs.readFileSync(path, "utf8")).toBe("x\nx\nx\n")
    fs.rmSync(path)
  })

  it("is stopped by a timeout and by a deadline around it", async () => {
    const timed = await Effect.runPromise(Effect.exit(Effect.timeout(script("sleep 300"), "50 millis")))
    const bounded = await Effect.runPromise(Effect.exit(Deadline.within(script("sleep 300"), "50 millis")))
    expect([Exit.isFailure(timed), Exit.isFailure(bounded)]).toEqual([true, true])
    expect(carriers(mark)).toEqual([])
  })

  it("wins a fanOut, and the losers leave nothing", async () => {
    const commands = ["sleep 300", "echo fast", "(setsid sleep 300 &); sleep 300"].map((text) => script(text))
    const { stdout } = await Effect.runPromise(fanOut(commands, Joiner.first()))
    expect([stdout, carriers(mark)]).toEqual(["fast\n", []])
  })

  it("loses a race and leaves nothing", async () => {
    await Effect.runPromise(Effect.race(script("sleep 300"), Effect.sleep("30 millis")))
    expect(carriers(mark)).toEqual([])
  })

  it("fails as a typed error that is caught by its tag and told apart by its reason", async () => {
    const code = script("exit 5").pipe(
      Effect.map(() => "fine"),
      Effect.catchTag("CommandError", ({ reason }) => Effect.succeed(reason._tag === "NonZeroExit" ? `code ${reason.code}` : reason._tag))
    )
    expect(await Effect.runPromise(code)).toBe("code 5")
  })

  it("runs a hundred times at once", async () => {
    const result = await Effect.runPromise(
      parallelMap(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => script(`echo "$1"`, [String(i)]),
        { concurrency: "unbounded" }
      )
    )
    const numbers = result.outcomes.map((outcome) => (outcome.status === "completed" ? Number(outcome.value.stdout) : outcome.status))
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })
})
