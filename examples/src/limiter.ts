/**
 * Shares one bound between two pipelines that do not know of each other: a database that bears six connections.
 *
 * A nightly import would take them all. The web requests come later, go first because of their priority, and half-way the database is given more room while everything runs.
 *
 *     node examples/src/limiter.ts
 */
import { Limiter } from "@skein/core"
import { parallelMap } from "@skein/parallel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

const bar = (n: number, of: string): string => of.repeat(n)

const program = Effect.gen(function* () {
  const database = yield* Limiter.make({ permits: 6, name: "database" })
  const running = { import: 0, web: 0 }
  const query = (what: keyof typeof running, millis: number) =>
    Effect.suspend(() => {
      running[what]++
      return Effect.sleep(millis)
    }).pipe(Effect.ensuring(Effect.sync(() => running[what]--)))

  /** One line every 40 ms: who is in the database, who waits. */
  const watch = Effect.gen(function* () {
    const { permits, waiting } = yield* database.stats
    const inside = `${bar(running.import, "I")}${bar(running.web, "W")}`
    console.log(
      `  [${inside.padEnd(permits, "·")}]${" ".repeat(12 - Math.max(permits, inside.length))}${String(waiting).padStart(3)} waiting`
    )
    yield* Effect.sleep(40)
  }).pipe(Effect.forever)

  const nightly = parallelMap(Array.from({ length: 60 }), () => query("import", 45), {
    concurrency: 20,
    limiter: database,
    priority: "low"
  })
  const web = parallelMap(Array.from({ length: 24 }), () => query("web", 30), { concurrency: 12, limiter: database, priority: "high" })

  console.log("connections in use (I import, W web)")
  const watcher = yield* Effect.forkChild(watch)
  const [imports, requests] = yield* Effect.all(
    [nightly, Effect.delay(web, "100 millis"), Effect.delay(database.resize(10), "280 millis")],
    { concurrency: "unbounded" }
  )
  yield* Fiber.interrupt(watcher)

  const { peak, permits, running: left } = yield* database.stats
  console.log(
    `import: ${imports.completed} done, web: ${requests.completed} done in ${Duration.toMillis(requests.elapsed) < Duration.toMillis(imports.elapsed) / 2 ? "less" : "more"} than half the time`
  )
  console.log(`never more than ${peak} of ${permits} connections, ${left} in use at the end`)
})

await Effect.runPromise(program)
