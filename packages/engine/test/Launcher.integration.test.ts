/**
 * Real here: programs that are run, and folders that they work in.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import * as CommandJob from "../src/CommandJob.ts"
import * as Engine from "../src/Engine.ts"
import * as Launcher from "../src/Launcher.ts"

const folder = mkdtempSync(join(tmpdir(), "launcher-"))
afterAll(() => rmSync(folder, { recursive: true }))

describe("a launcher of commands", () => {
  const touch = Launcher.define("touch", {
    job: (name: string) => CommandJob.make("touch", { program: "touch", args: [join(folder, name)] }),
    tags: ["files"]
  })
  const say = Launcher.define("say", {
    job: (code: number, ...words: ReadonlyArray<string>) =>
      CommandJob.make("say", { program: "sh", args: ["-c", `echo "$@"; exit ${code}`, "sh", ...words] })
  })

  it("runs a command a call, as a job of the engine", async () => {
    const program = Effect.gen(function* () {
      yield* Effect.all([touch("a"), touch("b")], { concurrency: 2 })
      const { exitCode, stdout } = yield* say(0, "hello", "world")
      return [exitCode, stdout.trim(), touch.meta.calls]
    })
    expect(await Effect.runPromise(Effect.provide(program, Engine.layer({ limits: { jobs: 1 } })))).toEqual([0, "hello world", 2])
    expect(readdirSync(folder).toSorted()).toEqual(["a", "b"])
  })

  it("fails with the command's own error", async () => {
    const error = await Effect.runPromise(Effect.provide(Effect.flip(say(3, "out of luck")), Engine.layer()))
    expect([error._tag, error.message.includes("exit code 3")]).toEqual(["CommandError", true])
  })
})
