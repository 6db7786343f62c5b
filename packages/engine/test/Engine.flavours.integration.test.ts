// Real here: worker threads and child processes, in which the tasks of jobs run.
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobStore from "../src/JobStore.ts"
import { live } from "./engineKit.ts"
import { add, where } from "./fixtures/flavourTasks.ts"

const flavours = { worker: Workers.layer({ size: 1 }), process: Processes.layer({ size: 1 }) }

describe("A job with a flavour", () => {
  it("runs there, also from a store, and what it logs there is in its output", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make({ flavours, store: JobStore.memory() })
      const jobs = yield* engine.submitAll({
        here: Job.task(where, "here"),
        thread: Job.task(where, "thread", { flavour: "worker" }),
        process: Job.task(where, "process", { flavour: "process" })
      })
      const [here, thread, child] = yield* Effect.all([jobs.here.join, jobs.thread.join, jobs.process.join])
      const logs = yield* Effect.forEach(Object.values(jobs), (job) =>
        Effect.map(job.output, ({ log }) => /message="?(\w+)/.exec(log.text)?.[1])
      )
      return [
        here.pid === process.pid && here.main,
        thread.pid === process.pid && !thread.main,
        child.pid !== process.pid && child.main,
        logs
      ]
    })
    expect(await live(program)).toEqual([true, true, true, ["here", "thread", "process"]])
  })

  it("takes one of the limit of that name", async () => {
    const program = Effect.gen(function* () {
      const seen: Array<number> = []
      const engine = yield* Engine.make({
        flavours: { worker: Workers.layer({ size: 2 }) },
        limits: { worker: 1 },
        onChange: () => void seen.push(Effect.runSync(engine.stats).limits["worker"]!.used)
      })
      const jobs = yield* engine.submitAll(Array.from({ length: 6 }, (_, n) => Job.task(add, { a: n, b: 1 }, { flavour: "worker" })))
      const sums = yield* Effect.forEach(jobs, (job) => job.join)
      return [sums, Math.max(...seen)]
    })
    expect(await live(program)).toEqual([[1, 2, 3, 4, 5, 6], 1])
  })
})
