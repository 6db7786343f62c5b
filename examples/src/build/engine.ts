/** The process that is killed: an engine on the store of the build, with the graph of its jobs. */
import * as CommandJob from "@skein/engine/CommandJob"
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as SqliteStore from "@skein/engine/SqliteStore"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { join } from "node:path"
import { draftIn, outputIn, releaseIn, sourcesIn, storeIn } from "./folder.ts"
import { announce, compile, fetch, key, link, pack, publish, report, scan, sign } from "./tasks.ts"

export const packages = ["core", "parallel", "node", "engine"]

/** How many jobs run at once, and how many of them read or write a whole package. */
export const limits = { jobs: 4, disk: 2 }

export const usesDisk = (id: string): boolean => /^(?:scan|pack)-/.test(id)

/** The graph: a branch for each package, what joins them, and what hangs on that. */
const graph = (folder: string) => {
  const job = (id: string) => ({ id, folder })
  const named = (id: string) => ({ id, name: id })

  const branches = packages.map((name) => {
    const sources = join(sourcesIn(folder), name)
    const labels = { package: name }
    const disk = { needs: { disk: 1 }, labels }
    const scanned = Job.task(scan, { job: job(`scan-${name}`), sources }, { ...named(`scan-${name}`), ...disk })
    const script = join(releaseIn(folder), `${name}.js`)
    const compiled = Job.task(
      compile,
      { job: job(`compile-${name}`), sources, script, scanned: Job.result(scanned) },
      { ...named(`compile-${name}`), labels }
    )
    const packed = Job.task(pack, { job: job(`pack-${name}`), compiled: Job.result(compiled) }, { ...named(`pack-${name}`), ...disk })
    return { scanned, compiled, packed }
  })

  const lint = CommandJob.make("lint", { program: process.execPath, args: ["--check", draftIn(folder)] }, { id: "lint" })
  const signingKey = Job.task(key, job("key"), { ...named("key"), needs: { jobs: 0 } })
  // It is asked again after a minute, or when an engine opens the store again.
  const version = Job.task(fetch, job("fetch"), {
    ...named("fetch"),
    after: branches.map(({ scanned }) => scanned),
    retry: { times: 3, delay: "1 minute" }
  })
  const release = Job.task(link, { job: job("link"), archives: branches.map(({ packed }) => Job.result(packed)) }, named("link"))
  const signed = Job.task(sign, { job: job("sign"), release: Job.result(release), key: Job.result(signingKey) }, named("sign"))
  const published = Job.task(
    publish,
    { job: job("publish"), signature: Job.result(signed), version: Job.result(version) },
    { ...named("publish"), after: lint }
  )
  const news = Job.task(announce, { job: job("announce"), version: Job.result(published) }, named("announce"))
  const last = Job.task(report, job("report"), { ...named("report"), after: [signed, version, news], onUpstream: "run" })

  const steps = (["scanned", "compiled", "packed"] as const).flatMap((one) => branches.map((branch) => branch[one]))
  return [lint, signingKey, ...steps, version, release, signed, published, news, last]
}

/** Runs the jobs of the store until none is left. The first process finds none, and submits all of them or none. */
export const runEngine = (folder: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const store = yield* SqliteStore.make({ path: storeIn(folder) })
      const engine = yield* Engine.make({ store, limits, directory: outputIn(folder) })
      if ((yield* engine.list()).length === 0) yield* engine.submitAll(graph(folder))
      yield* engine.awaitIdle
      return 0
    })
    // Why attempts failed is in the logs of their jobs.
  ).pipe(Effect.provide(Logger.layer([])))
