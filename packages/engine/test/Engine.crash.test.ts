// Engines that are killed again and again, at any moment between two steps and in the middle of what they write; the books are balanced at the end.
import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import type * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobStore from "../src/JobStore.ts"
import { killed, session } from "./durableKit.ts"
import { again, log, slow } from "./fixtures/jobTasks.ts"

const programs = process.env["SKEIN_SOAK"] === "1" ? 20_000 : 600

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
const random = (seed: number) => {
  let state = seed * 0x9e3779b9
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Spec {
  readonly id: string
  readonly again: boolean
  readonly millis: number
  readonly after: ReadonlyArray<string>
}

const specsOf = (draw: () => number): ReadonlyArray<Spec> =>
  Array.from({ length: 2 + Math.floor(draw() * 10) }, (_, n) => ({
    id: `j${n}`,
    again: draw() < 0.6,
    millis: Math.floor(draw() * 20),
    after: Array.from({ length: n }, (_, m) => `j${m}`).filter(() => draw() < 0.2)
  }))

const jobOf = ({ after, again: twice, id, millis }: Spec): Job.Job<string, unknown> =>
  Job.task(twice ? again : slow, { name: id, millis }, { id, after: [...after] })

/** A store that takes its time to write, so that an engine may die meanwhile. */
const writingSlowly = (store: JobStore.JobStore, millis: number): JobStore.JobStore => ({
  ...store,
  own: Effect.map(store.own, (owner) => ({
    ...owner,
    append: (changes) => Effect.andThen(Effect.sleep(millis), owner.append(changes))
  }))
})

const startsOf = (id: string): number => log.filter((line) => line === `+${id}`).length

const program = (seed: number) =>
  Effect.gen(function* () {
    log.length = 0
    const draw = random(seed)
    const specs = specsOf(draw)
    const kept = JobStore.memory()
    const store = writingSlowly(kept, draw() < 0.5 ? 1 : 3)
    const options: Engine.Options = draw() < 0.5 ? { limits: { jobs: 2 } } : {}
    const taken = new Set<string>()
    const half = Math.floor(draw() * specs.length)
    const submit = (engine: Engine.Engine, some: ReadonlyArray<Spec>) =>
      Effect.forEach(some, (spec) =>
        Effect.matchEffect(engine.submit(jobOf(spec)), {
          onFailure: () => Effect.void,
          onSuccess: () => Effect.sync(() => taken.add(spec.id))
        })
      )
    yield* killed(store, Math.floor(draw() * 40), (engine) => submit(engine, specs.slice(0, half)), options)
    const problems: Array<string> = []
    for (let death = 0; death < 3; death++) {
      const over = (yield* kept.list()).filter(({ state }) => state !== "waiting" && state !== "running")
      const before = new Map(over.map(({ id }) => [id, startsOf(id)] as const))
      yield* killed(store, Math.floor(draw() * 30), () => Effect.void, options)
      for (const [id, starts] of before) if (startsOf(id) !== starts) problems.push(`${id} had ended, and ran again`)
    }
    yield* session(store, (engine) => Effect.andThen(submit(engine, specs.slice(half)), engine.awaitIdle), options)
    const runs = new Map((yield* kept.list()).map((run) => [run.id, run] as const))
    for (const id of taken) if (!runs.has(id)) problems.push(`${id} was taken, and is gone`)
    for (const { after, again: twice, id } of specs) {
      const run = runs.get(id)
      if (run === undefined) continue
      const starts = startsOf(id)
      const ends = log.filter((line) => line === `-${id}`).length
      if (run.state === "waiting" || run.state === "running") problems.push(`${id} is ${run.state}`)
      if (starts > (twice ? 3 : 1)) problems.push(`${id} started ${starts} times`)
      if (run.attempts < starts) problems.push(`${id} started ${starts} times, and ${run.attempts} attempts are known`)
      if (run.state === "completed" && ends === 0) problems.push(`${id} completed without its work`)
      if (run.state === "failed" && !JSON.stringify(run.end).includes("JobLost")) problems.push(`${id} failed without a loss`)
      if (run.state === "skipped" && after.every((other) => runs.get(other)?.state === "completed"))
        problems.push(`${id} was skipped for nothing`)
      if (run.state === "completed" && after.some((other) => runs.get(other)?.state !== "completed")) problems.push(`${id} ran too early`)
    }
    return problems
  })

describe("an engine that is killed", () => {
  it(`loses no job, repeats no end, and runs twice only what may, in ${programs} random programs`, async () => {
    for (let seed = 1; seed <= programs; seed++) {
      const run = await Simulator.run(program(seed), { seed })
      const found = run.exit !== undefined && Exit.isSuccess(run.exit) ? run.exit.value : [run.report]
      expect(found, `seed ${seed}`).toEqual([])
    }
  }, 600_000)
})
