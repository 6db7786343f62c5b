/** Runs commands in a program that holds much memory, and writes how late its timers were: `spawnFromLarge.ts how commands megabytes`. */
import { Command, SpawnHelper } from "@skein/node"
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { monitorEventLoopDelay } from "node:perf_hooks"

const [how, commands, megabytes] = process.argv.slice(2)
const count = Number(commands)
// Touched, so that it is there, and kept until the end.
const memory = Array.from({ length: Number(megabytes) }, (_, i) => Buffer.alloc(2 ** 20, i + 1))

const byNode = Effect.callback<void, Error>((resume) => {
  const child = spawn("/bin/true", { stdio: ["ignore", "pipe", "pipe"], detached: true })
  child.on("error", (error) => resume(Effect.fail(error)))
  child.on("close", (code) => resume(code === 0 ? Effect.void : Effect.fail(new Error(`exit code ${code}`))))
})
const one: Effect.Effect<unknown, Error> = how === "node" ? byNode : Command.make("/bin/true")

const all = Effect.gen(function* () {
  // The first one starts what helps with the others.
  yield* one
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const from = performance.now()
  const { completed } = yield* parallelMap(Array(count).keys(), () => one, { concurrency: 8 })
  const wall = performance.now() - from
  delay.disable()
  return { done: completed, p99: delay.percentile(99) / 1e6, wall }
})

const run = how === "helper" ? Effect.provide(all, SpawnHelper.layer()) : all
const result = await Effect.runPromise(run)
process.stdout.write(JSON.stringify({ ...result, held: memory.length }))
