/**
 * Real here: servers that are programs of their own, started from templates and functions, with their ports and process trees. Tests wait for what they want to see; a time limit is met only where it is the subject.
 */
import { Processes } from "@skein/node"
import * as Command from "@skein/node/Command"
import * as ServedApp from "@skein/node/ServedApp"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { connect, createServer as createSocketServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest"
import { carriers, until } from "./fixtures/processes.ts"
import { serve } from "./fixtures/serveTask.ts"

const program = join(import.meta.dirname, "fixtures/server.ts")
const folder = mkdtempSync(join(tmpdir(), "served-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** Everything that a test starts has this in its environment, and is gone at its end. */
let mark = ""
beforeEach(() => {
  mark = randomUUID()
})
afterEach(() => {
  expect(carriers(mark)).toEqual([])
})
const marked = (): Command.Options => ({ env: { MARK: mark } })

/** A template for the fixture. */
const server = (words = ""): string => `"${process.execPath}" "${program}" {ip} {port} ${words}`
const make = (words?: string, options: ServedApp.Options = {}) =>
  ServedApp.make(server(words), { within: "60 seconds", command: marked(), ...options })

/** The same as a function. */
const command =
  (...words: ReadonlyArray<string>) =>
  ({ ip, port }: ServedApp.Place) =>
    Command.make(process.execPath, [program, ip, String(port), ...words], marked())

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect))
const get = (app: ServedApp.ServedApp, path = "/"): Effect.Effect<string> =>
  Effect.promise(() => fetch(`${app.url}${path}`).then((response) => response.text()))
/** A request that its server does not survive. */
const fatal = (app: ServedApp.ServedApp, path: string): Effect.Effect<void> =>
  Effect.promise(() =>
    fetch(`${app.url}${path}`).then(
      () => {},
      () => {}
    )
  )
const failureOf = (effect: Effect.Effect<unknown, ServedApp.ServedAppError, Scope.Scope>): Promise<ServedApp.ServedAppError> =>
  run(Effect.flip(effect))
const refused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(false)
    }).on("error", () => resolve(true))
  })

/** Somebody else, in this process, who listens until the scope closes. */
const strangerOn = (ip: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<ReturnType<typeof createSocketServer>>((resolve) => {
            const it = createSocketServer((socket) => socket.destroy())
            it.listen(0, ip, () => resolve(it))
          })
      ),
      (it) => Effect.promise(() => new Promise<void>((resolve) => void it.close(() => resolve())))
    ),
    (it) => (it.address() as { readonly port: number }).port
  )

describe("ServedApp.make, ready", () => {
  it("gives the app when its port answers", async () => {
    const [text, app] = await run(Effect.flatMap(make(), (app) => Effect.map(get(app), (text) => [text, app.status()] as const)))
    expect(text).toBe(String(app.pid))
    expect(app).toMatchObject({ state: "ready", restarts: 0, error: undefined })
  })

  it("waits for an app that takes its time to listen", async () => {
    const gate = join(folder, randomUUID())
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(make(`gate=${gate}`), { startImmediately: true })
      yield* Effect.promise(() => until(() => carriers(mark).length > 0))
      const before = fiber.pollUnsafe()
      writeFileSync(gate, "")
      return [before, yield* get(yield* Fiber.join(fiber))]
    })
    const [before, text] = await run(program)
    expect(before).toBe(undefined)
    expect(text).toMatch(/^\d+$/)
  })

  it("asks for a path until its status is good", async () => {
    const text = await run(Effect.flatMap(make("refuse=3", { ready: { path: "/health" } }), get))
    expect(text).toMatch(/^\d+$/)
  })

  it("lets the caller say which status is good", async () => {
    const seen: Array<number> = []
    const status = (code: number): boolean => {
      seen.push(code)
      return code === 200
    }
    await run(make("refuse=2", { ready: { path: "/", status } }))
    expect(seen).toEqual([503, 503, 200])
  })

  it("waits for a line", async () => {
    const app = await run(Effect.map(make("", { ready: { line: /^serving on/ } }), (app) => app.output()))
    expect(app).toEqual({ stdout: expect.stringMatching(/^serving on port \d+\n$/), stderr: "a word on stderr\n" })
  })

  it.each(["127.0.0.1", "::1", "0.0.0.0"])("takes a port that the app chose on %s from its listening sockets", async (ip) => {
    const text = await run(Effect.flatMap(make("", { ip, port: "own" }), get))
    expect(text).toMatch(/^\d+$/)
  })

  it("takes a port that the app chose from the line that says so", async () => {
    const text = await run(Effect.flatMap(make("", { port: "own", ready: { line: /port (?<port>\d+)/g } }), get))
    expect(text).toMatch(/^\d+$/)
  })

  it("counts a server that a child of the command started", async () => {
    const [text, pid] = await run(Effect.flatMap(make("child"), (app) => Effect.map(get(app), (text) => [text, app.status().pid])))
    expect(text).not.toBe(String(pid))
  })

  it("counts a daemon that the command left, and stops it with the app", async () => {
    const text = await run(Effect.flatMap(make("daemon"), get))
    expect(text).toMatch(/^\d+$/)
  })

  it("sees the end of such a daemon", async () => {
    const program = Effect.gen(function* () {
      const app = yield* make("daemon")
      yield* fatal(app, "/die")
      return yield* app.awaitEnd
    })
    expect(await run(program)).toEqual({ exitCode: 0 })
  })

  it.each([
    ["localhost", "http://localhost:"],
    ["0.0.0.0", "http://127.0.0.1:"],
    ["::1", "http://[::1]:"],
    ["::", "http://[::1]:"]
  ])("serves on %s", async (ip, url) => {
    const app = await run(Effect.tap(make("", { ip }), get))
    expect(app.url).toBe(`${url}${app.port}`)
  })

  it("gives two apps that start at once two ports", async () => {
    const apps = await run(Effect.all([make(), make(), make()], { concurrency: 3 }))
    expect(new Set(apps.map(({ port }) => port)).size).toBe(3)
  })

  it("reads a template as a shell would, without one", async () => {
    const app = ServedApp.make(
      `"${process.execPath}" -e 'require("http").createServer((_, r) => r.end("$HOME {x}")).listen(+process.argv[1].slice(1), process.argv[2])' "p{port}" {ip}`,
      {
        command: marked()
      }
    )
    expect(await run(Effect.flatMap(app, get))).toBe("$HOME {x}")
  })

  it("serves a directory with Python", async () => {
    writeFileSync(join(folder, "hello.txt"), "hello")
    const app = ServedApp.make("python3 -m http.server --bind {ip} {port}", {
      command: { ...marked(), directory: folder },
      within: "60 seconds"
    })
    expect(await run(Effect.flatMap(app, (app) => get(app, "/hello.txt")))).toBe("hello")
  })
})

describe("ServedApp.make, of a function", () => {
  const inProcess = ({ ip, listensOn, port }: ServedApp.Place) =>
    Effect.acquireUseRelease(
      Effect.promise(
        () =>
          new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
            const it = createServer((_, response) => response.end("from here"))
            it.on("error", reject)
            it.listen(port, ip, () => {
              listensOn((it.address() as { readonly port: number }).port)
              resolve(it)
            })
          })
      ),
      () => Effect.never,
      (it) =>
        Effect.promise(() => {
          it.closeAllConnections()
          return new Promise<void>((resolve) => void it.close(() => resolve()))
        })
    )

  it("serves with a command that it makes", async () => {
    expect(await run(Effect.flatMap(ServedApp.make(command()), get))).toMatch(/^\d+$/)
  })

  it("serves with any effect, which is interrupted with the scope", async () => {
    const [text, port] = await run(
      Effect.flatMap(ServedApp.make(inProcess), (app) => Effect.map(get(app), (text) => [text, app.port] as const))
    )
    expect([text, await refused(port)]).toEqual(["from here", true])
  })

  it("hears from an effect which port it chose", async () => {
    const text = await run(Effect.flatMap(ServedApp.make(inProcess, { port: "own" }), get))
    expect(text).toBe("from here")
  })

  it("serves with a portable task in a process", async () => {
    const app = ServedApp.make(({ ip, port }) => serve({ ip, port }), { within: "60 seconds" })
    const text = await run(Effect.provide(Effect.flatMap(app, get), Processes.layer({ size: 1 })))
    expect(Number(text)).not.toBe(process.pid)
    expect(text).toMatch(/^\d+$/)
  })

  it("fails with what an effect that fails before it is ready failed with", async () => {
    const error = await failureOf(ServedApp.make(() => Effect.fail(new Error("no database"))))
    expect(error.reason).toMatchObject({ _tag: "Died", when: "starting" })
    expect(error.message).toBe("app: failed with Error: no database before it was ready")
  })

  it("does not ignore that an effect returns before it is ready", async () => {
    const error = await failureOf(ServedApp.make(() => Effect.succeed(3)))
    expect(error.message).toBe("app: returned before it was ready")
  })

  it("does not ignore that a function throws", async () => {
    const thrower = (): Effect.Effect<void> => {
      throw new TypeError("no such thing")
    }
    const error = await failureOf(ServedApp.make(thrower))
    expect(error.message).toBe("thrower: failed with TypeError: no such thing before it was ready")
  })

  it("fails with what an effect that served failed with", async () => {
    const program = Effect.gen(function* () {
      const app = yield* ServedApp.make((place) =>
        Effect.raceFirst(inProcess(place), Effect.andThen(Effect.sleep(50), Effect.fail("enough")))
      )
      return yield* Effect.flip(app.awaitEnd)
    })
    expect((await run(program)).reason).toMatchObject({ _tag: "Died", when: "serving" })
  })
})

describe("ServedApp.make, failing", () => {
  const never = (): boolean => false
  const thieves: Array<ReturnType<typeof createSocketServer>> = []
  afterEach(() => {
    for (const thief of thieves.splice(0)) thief.close()
  })
  /** Takes the port before the app does. */
  const steal = ({ ip, port }: ServedApp.Place): void =>
    void thieves.push(createSocketServer((socket) => socket.destroy()).listen(port, ip))

  it("says what the app wrote when it died before it was ready", async () => {
    const { message, reason } = await failureOf(make("exit=3"))
    expect(reason).toMatchObject({
      _tag: "Died",
      when: "starting",
      exitCode: 3,
      signal: null,
      stderr: "a word on stderr\ncannot go on: 3\n"
    })
    expect(message).toMatch(/ended with exit code 3 before it was ready: cannot go on: 3$/)
  })

  it("takes no app for ready that ended well without listening", async () => {
    const { reason } = await failureOf(make("exit=0"))
    expect(reason).toMatchObject({ _tag: "Died", when: "starting", exitCode: 0 })
  })

  it("stops an app that is late, and says what it was waiting for", async () => {
    const { message, reason } = await failureOf(
      make("never stubborn", { within: "300 millis", command: { ...marked(), stop: [{ signal: "SIGTERM", wait: 20 }] } })
    )
    expect(reason._tag).toBe("Late")
    expect(message).toMatch(/no answer at port \d+ of 127\.0\.0\.1 within 300ms/)
  })

  it.each([
    [{ ready: { path: "/x", status: never } }, /no good answer to GET \/x at port/],
    [{ ready: { line: /never said/ } }, /no line that matches \/never said\//],
    [{ port: "own", ready: { path: "/x", status: never } }, /no port that answers|no good answer/]
  ] as const)("says of %j what did not happen", async (options, message) => {
    expect((await failureOf(make("", { ...options, within: "400 millis" }))).message).toMatch(message)
  })

  it("refuses a program that is not there", async () => {
    const { reason } = await failureOf(ServedApp.make("no-such-program {ip} {port}"))
    expect(reason).toMatchObject({ _tag: "NotStarted", error: { reason: { _tag: "NotFound" } } })
  })

  it.each(["127.0.0.1", "0.0.0.0", "::1", "::", "localhost"])(
    "says who has the port that was asked for on %s, and starts nothing",
    async (ip) => {
      const program = Effect.gen(function* () {
        const port = yield* strangerOn(ip)
        return [port, yield* Effect.flip(make("", { ip, port }))] as const
      })
      const [port, { reason }] = await run(program)
      expect(reason).toMatchObject({ _tag: "PortTaken", port, by: process.pid })
    }
  )

  it("takes no stranger for the app, who listens on its port", async () => {
    // The app never listens; somebody else does, on the port that it was given.
    const ports: Array<number> = []
    const listen = (place: ServedApp.Place): Command.Command => {
      ports.push(place.port)
      steal(place)
      return command("never")(place)
    }
    const { reason } = await failureOf(ServedApp.make(listen))
    expect(reason).toMatchObject({ _tag: "PortTaken", port: ports.at(-1), by: process.pid })
    expect(ports.length).toBe(5)
  })

  it("takes another port where somebody was faster than the app", async () => {
    let first = 0
    const program = Effect.gen(function* () {
      const app = yield* ServedApp.make((place) => {
        if (first === 0) {
          first = place.port
          steal(place)
        }
        return command()(place)
      })
      return [app.port, yield* get(app)] as const
    })
    const [port, text] = await run(program)
    expect(port).not.toBe(first)
    expect(text).toMatch(/^\d+$/)
  })

  it("takes whoever listens for the app where that is asked for", async () => {
    const ports: Array<number> = []
    const listen = (place: ServedApp.Place): Command.Command => {
      ports.push(place.port)
      steal(place)
      return command("never")(place)
    }
    const app = await run(ServedApp.make(listen, { listener: "any" }))
    expect([app.port]).toEqual(ports)
  })

  it("fails where this machine does not have the address", async () => {
    const { reason } = await failureOf(make("", { ip: "192.0.2.1" }))
    expect(reason).toEqual(expect.objectContaining({ _tag: "NoPort", ip: "192.0.2.1", code: "EADDRNOTAVAIL" }))
  })
})

describe("ServedApp.make, its end", () => {
  it("tells that the app ended well", async () => {
    const program = Effect.gen(function* () {
      const app = yield* make()
      yield* fatal(app, "/end")
      return [yield* app.awaitEnd, app.status().state]
    })
    expect(await run(program)).toEqual([{ exitCode: 0 }, "ended"])
  })

  it.each([
    ["/die", { exitCode: 7, signal: null }],
    ["/kill", { exitCode: null, signal: "SIGKILL" }]
  ])("fails when it is asked for %s and nobody starts it again", async (path, end) => {
    const program = Effect.gen(function* () {
      const app = yield* make()
      yield* fatal(app, path)
      const error = yield* Effect.flip(app.awaitEnd)
      return [error, yield* Effect.flip(app.awaitReady), app.status()] as const
    })
    const [error, again, status] = await run(program)
    expect(error.reason).toMatchObject({ _tag: "Died", when: "serving", ...end })
    expect(again).toBe(error)
    expect(status).toEqual({ state: "ended", pid: undefined, restarts: 0, error })
  })

  it("starts it again on the same port as long as the schedule says so", async () => {
    const seen: Array<string> = []
    const program = Effect.gen(function* () {
      const app = yield* make("", { restart: Schedule.recurs(2), onStatus: ({ state }) => void seen.push(state) })
      const pids = [yield* get(app)]
      for (const _ of [1, 2]) {
        yield* fatal(app, "/die")
        yield* Effect.promise(() => until(() => app.status().restarts === pids.length))
        yield* app.awaitReady
        pids.push(yield* get(app))
      }
      yield* fatal(app, "/die")
      return [new Set(pids).size, (yield* Effect.flip(app.awaitEnd)).reason._tag]
    })
    expect(await run(program)).toEqual([3, "Died"])
    expect(seen.filter((state, index) => state !== seen[index - 1])).toEqual([
      "starting",
      "ready",
      "waiting",
      "starting",
      "ready",
      "waiting",
      "starting",
      "ready",
      "waiting",
      "ended"
    ])
  })

  it("fails with what stopped its command, when that has a time limit of its own", async () => {
    const app = make("", { command: { ...marked(), timeout: "2 seconds" } })
    const error = await failureOf(Effect.flatMap(app, ({ awaitEnd }) => awaitEnd))
    expect(error.message).toMatch(/failed with .*took longer than 2s/)
  })

  it("gives an app that chose its port that same port when it starts it again", async () => {
    const program = Effect.gen(function* () {
      const app = yield* make("", { port: "own", restart: Schedule.recurs(1) })
      yield* fatal(app, "/die")
      yield* Effect.promise(() => until(() => app.status().restarts === 1))
      yield* app.awaitReady
      return yield* get(app)
    })
    expect(await run(program)).toMatch(/^\d+$/)
  })

  it("does not start again what died before it was ready", async () => {
    let starts = 0
    const app = ServedApp.make(
      (place) => {
        starts++
        return command("exit=3")(place)
      },
      { restart: Schedule.recurs(5) }
    )
    await failureOf(app)
    expect(starts).toBe(1)
  })

  it("lets no observer change anything", async () => {
    const onStatus = (): never => {
      throw new Error("a bad observer")
    }
    expect(await run(Effect.flatMap(make("", { onStatus }), get))).toMatch(/^\d+$/)
  })

  it("stops the whole tree with its scope, who ignores the request too", async () => {
    const app = await run(make("child stubborn", { command: { ...marked(), stop: [{ signal: "SIGTERM", wait: 50 }] } }))
    expect([carriers(mark), await refused(app.port), app.status().state]).toEqual([[], true, "ended"])
  })

  it("has given back its port when its scope has closed, though a process takes its time to end", async () => {
    // A process gives up its memory before its sockets, and with the memory its environment, by which it is known.
    const app = await run(make("child heavy", { command: { ...marked(), stop: [] } }))
    expect(await refused(app.port)).toBe(true)
  })

  it("tells who waits for its end that it was stopped with its scope", async () => {
    const app = await run(make())
    const error = await Effect.runPromise(Effect.flip(app.awaitEnd))
    expect(error.reason._tag).toBe("Closed")
  })
})

describe("ServedApp.make, interrupted", () => {
  it("leaves nothing behind, wherever it is interrupted", async () => {
    const scope = Scope.makeUnsafe()
    const states = new Set<string>()
    for (const millis of [0, 1, 2, 5, 10, 20, 40, 60, 80, 100, 120, 160, 200]) {
      const fiber = Effect.runFork(Effect.provideService(make("child"), Scope.Scope, scope))
      await new Promise((resolve) => setTimeout(resolve, millis))
      const exit = await Effect.runPromise(Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber)))
      states.add(exit._tag)
      // The scope is still open: what was interrupted cleaned up by itself.
      if (Exit.isFailure(exit)) expect(carriers(mark)).toEqual([])
    }
    await Effect.runPromise(Scope.close(scope, Exit.void))
    expect(carriers(mark)).toEqual([])
    expect(states.has("Failure")).toBe(true)
  })

  it("stops between a death and the next start", async () => {
    const program = Effect.gen(function* () {
      const app = yield* make("", { restart: Schedule.spaced("10 minutes") })
      yield* fatal(app, "/die")
      yield* Effect.promise(() => until(() => app.status().state === "waiting"))
      return app
    })
    const app = await run(program)
    const error = await Effect.runPromise(Effect.flip(app.awaitEnd))
    expect([app.status().state, error.reason._tag, app.status().error?.reason._tag]).toEqual(["ended", "Closed", "Died"])
  })
})
