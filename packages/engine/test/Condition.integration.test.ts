// Real here: the clock, Node's timers, and a process of its own that has to end by itself.
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"

describe("Condition.await on the live clock", () => {
  it("does not return before the clock on the wall shows the instant", async () => {
    for (let i = 0; i < 20; i++) {
      const at = Date.now() + i
      await Effect.runPromise(Condition.await(Condition.after(at)))
      expect(Date.now()).toBeGreaterThanOrEqual(at)
    }
  })

  it("keeps a process alive as long as somebody waits, and no longer", async () => {
    const program = `
      import * as Effect from "effect/Effect"
      import * as Fiber from "effect/Fiber"
      import * as SubscriptionRef from "effect/SubscriptionRef"
      import * as Condition from ${JSON.stringify(fileURLToPath(new URL("../src/Condition.ts", import.meta.url)))}
      const ref = Effect.runSync(SubscriptionRef.make(0))
      const far = Condition.any(Condition.after(Date.now() + 9e9), Condition.ref(ref, (n) => n > 0))
      const fibers = Array.from({ length: 100 }, () => Effect.runFork(Condition.await(far)))
      await Effect.runPromise(Condition.await(Condition.after(Date.now() + 20)))
      console.log("waited")
      await Effect.runPromise(Fiber.interruptAll(fibers))
    `
    const said = await new Promise<string>((resolve, reject) => {
      const directory = fileURLToPath(new URL("..", import.meta.url))
      const options = { cwd: directory, timeout: 60_000 }
      execFile(process.execPath, ["--input-type=module-typescript", "-e", program], options, (error, stdout) =>
        error === null ? resolve(stdout) : reject(error)
      )
    })
    expect(said).toBe("waited\n")
  })
})
