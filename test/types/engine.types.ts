/** Inputs of jobs are what the jobs they refer to give; services are asked for where a job is submitted; failures keep their types. */
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

const Base = Context.Service<{ readonly n: number }>("types/Base")
const count = Job.make("count", { run: Effect.succeed(3) })
const failing = Job.make("failing", { run: Effect.fail("no" as const) })
const uses = Job.make("uses", { run: Effect.map(Base, ({ n }) => n) })

const sum = Job.make("sum", { input: { of: [Job.result(count), 4] }, run: ({ of }) => Effect.succeed(of.reduce((a, b) => a + b, 0)) })

// @ts-expect-error a number has no length
Job.make("wrong", { input: { of: Job.result(count) }, run: ({ of }) => Effect.succeed(of.length) })

export const program = Effect.gen(function* () {
  const engine = yield* Engine.make()
  const number: number = yield* (yield* engine.submit(sum)).join
  const handle = yield* Effect.provideService(engine.submit(uses), Base, { n: number })
  const failed = yield* engine.submit(failing)
  return [yield* handle.await, yield* failed.await] as const
})

const submitted = Effect.flatMap(Engine.make(), (engine) => engine.submit(uses))

// @ts-expect-error its service is missing
export const wrong: Effect.Effect<unknown, unknown, import("effect/Scope").Scope> = submitted
