/**
 * Real here: servers that are programs of their own and one that serves in this process, with their ports. Tests wait for what they want to see; a time limit is met only where it is the subject.
 */
import * as Command from "@skein/node/Command"
import type * as ServedApp from "@skein/node/ServedApp"
import * as Effect from "effect/Effect"
import { createServer } from "node:http"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as ServedJob from "../src/ServedJob.ts"
import { live, told } from "./engineKit.ts"

/** Answers with its process id, and dies of a request for `/die`. */
const script = (ip: string, port: string | number): string =>
  `
require("http").createServer((request, response) => {
  if (request.url === "/die") { console.error("out of luck"); process.exit(3) }
  response.end(String(process.pid))
}).listen(${port}, "${ip}")`.replaceAll("\n", " ")

const template = `"${process.execPath}" -e '${script("{ip}", "{port}")}'`
const served: ServedApp.Options = { within: "60 seconds" }

const get = (url: string): Effect.Effect<string> => Effect.promise(() => fetch(url).then((response) => response.text()))
const fatal = (url: string): Effect.Effect<void> =>
  Effect.promise(() =>
    fetch(`${url}/die`).then(
      () => {},
      () => {}
    )
  )
const isRefused = (url: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    fetch(url).then(
      () => false,
      () => true
    )
  )
const isAlive = (pid: string): boolean => {
  try {
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

describe("a served job", () => {
  it("serves a program while it runs, and leaves neither process nor port when it is cancelled", async () => {
    const seen = await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const server = yield* ServedJob.submit(engine, ServedJob.make("server", { app: template, served }))
        const { url } = yield* server.address
        const pid = yield* get(url)
        const running = [server.job.state._tag, isAlive(pid)]
        const end = told(yield* server.job.cancel("enough"))
        return [running, end, isAlive(pid), yield* isRefused(url)]
      })
    )
    expect(seen).toEqual([["Running", true], "cancelled: cancelled on request: enough", false, true])
  })

  it("leaves nothing when its engine closes", async () => {
    let pid = ""
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const server = yield* ServedJob.submit(engine, ServedJob.make("server", { app: template, served }))
        pid = yield* Effect.flatMap(server.address, ({ url }) => get(url))
      })
    )
    expect([Number(pid) > 0, isAlive(pid)]).toEqual([true, false])
  })

  it("fails with what its program wrote when that dies", async () => {
    const seen = await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const server = yield* ServedJob.submit(engine, ServedJob.make("server", { app: template, served }))
        const { url } = yield* server.address
        yield* fatal(url)
        const error = yield* Effect.flip(server.job.join)
        const again = yield* Effect.flip(server.address)
        return error._tag === "ServedAppError" && error.reason._tag === "Died"
          ? [error.reason.exitCode, error.reason.stderr.trim(), again === error]
          : [error]
      })
    )
    expect(seen).toEqual([3, "out of luck", true])
  })

  it("is tried again when its program dies, on the address that is then", async () => {
    const seen = await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const server = yield* ServedJob.submit(engine, ServedJob.make("server", { app: template, served, retry: { times: 1 } }))
        const first = yield* server.address
        const pid = yield* get(first.url)
        yield* fatal(first.url)
        while (server.job.run.attempts < 2) yield* Effect.sleep(1)
        const second = yield* server.address
        return [(yield* get(second.url)) !== pid, server.job.run.attempts]
      })
    )
    expect(seen).toEqual([true, 2])
  })

  it("tells who waits for its address why there is none", async () => {
    const seen = await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const app = (): Command.Command => Command.make(process.execPath, ["-e", `console.error("no licence"); process.exit(1)`])
        const server = yield* ServedJob.submit(engine, ServedJob.make("broken", { app, served }))
        const error = yield* Effect.flip(server.address)
        return [error._tag, error.message]
      })
    )
    expect(seen[0]).toBe("ServedAppError")
    expect(seen[1]).toContain("ended with exit code 1 before it was ready: no licence")
  })

  it("serves an effect with an input that holds the result of another job", async () => {
    const seen = await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ limits: { jobs: 1 } })
        const word = Job.make("word", { run: Effect.succeed("hello") })
        const server = ServedJob.make("server", {
          input: { word: Job.result(word) },
          served,
          app: ({ ip, port }, { word }) =>
            Effect.scoped(
              Effect.andThen(
                Effect.acquireRelease(
                  Effect.sync(() => createServer((_, response) => response.end(word)).listen(port, ip)),
                  (server) =>
                    Effect.callback<void>((resume) => {
                      server.closeAllConnections()
                      server.close(() => resume(Effect.void))
                    })
                ),
                Effect.never
              )
            )
        })
        yield* engine.submit(word)
        return yield* ServedJob.use(engine, server, ({ url }) => get(url))
      })
    )
    expect(seen).toBe("hello")
  })

  it("is there for jobs that use it side by side", async () => {
    const seen = await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ limits: { jobs: 2 } })
        const pids = yield* ServedJob.use(engine, ServedJob.make("server", { app: template, served }), ({ url }) =>
          Effect.gen(function* () {
            const handles = yield* engine.submitAll([1, 2, 3, 4].map((n) => Job.make(`ask ${n}`, { run: get(url) })))
            return yield* Effect.forEach(handles, (handle) => handle.join)
          })
        )
        return [new Set(pids).size, isAlive(pids[0]!)]
      })
    )
    expect(seen).toEqual([1, false])
  })
})
