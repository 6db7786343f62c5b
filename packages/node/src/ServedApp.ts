/**
 * Starts a server, waits until it serves, and stops it with its scope: a program, or any effect that serves until it is interrupted.
 *
 * A `ServedApp` lives in a `Scope`. It owns the process tree of its command or the fiber of its effect, one fiber that watches over it, and its port, which no other app of this process gets. When the scope closes, all of it is gone.
 *
 * The module holds `make`, the `ServedApp` with its address, `status`, `output`, `awaitReady` and `awaitEnd`, the `Place` that a function is given, and `ServedAppError` with its reasons.
 *
 * **When to use**
 *
 * Use it where other work needs a server that is there: a test its database, a map its model server. For a program that ends by itself use `Command`.
 *
 * **Details**
 *
 * | what is given | what is served |
 * | --- | --- |
 * | a template, `"python3 -m http.server --bind {ip} {port}"` | the command, split into words without a shell; `{ip}` and `{port}` are put in wherever they stand |
 * | a function that makes a `Command` | the command, with all its options |
 * | a function that makes another effect, such as a portable task | the effect, in a fiber; it ends well by returning, and it is stopped by interruption |
 *
 * It is ready when its port accepts a connection, when a path is answered, or when it writes a line: the option `ready`. On Linux a stranger who listens on the port is not taken for it: the listening socket must belong to a
 * process that carries the command's tag or descends from its process, a grandchild and a daemon too. A command that ended well and left somebody running is serving still.
 *
 * A port that is `free` is one that the system gave out a moment ago. If somebody takes it before the app does, the app is started again with another, five times at most.
 *
 * For a layer, give it a service of your own: `Layer.effect(Database, ServedApp.make(…))`.
 *
 * **Guarantees**
 *
 * - Ownership: processes, fibers, timers and the port, gone when the scope has closed. If this process is killed, the watchdog of its `ProcessTree` kills those of a command.
 * - Interruption: interrupting `make` stops what was started, and waits for it, though the scope stays open. A command is stopped as its option `stop` says; an effect is interrupted.
 * - Failure: `make` fails with the reason and the last that the app wrote. Whoever sees a `ServedAppError` finds nothing of the app left. After it was ready, its death is what `awaitEnd` fails with, unless `restart` mends it.
 * - Bounds: the last 64 kB of each stream are kept.
 * - Cost: it is looked at after 5, 12 and 24 milliseconds and then less and less often, every 100 at last, and soon after it wrote something.
 *
 * **Gotchas**
 *
 * - What looks at the port is a connection like any other. A server that serves one connection and ends, as some `nc -l` do, is for `ready: { line }`.
 * - Many programs hold back what they write while it goes to a pipe. For `ready: { line }` they may have to be told, as Python by `-u`.
 * - The schedule of `restart` counts deaths over the whole life, however long it served in between.
 * - A port that is held by a daemon of the system for the app, as `docker run -p` does it, is a stranger's: say `listener: "any"`.
 *
 * **Example** (Asking a server that is there for the time of a question)
 *
 * ```ts
 * import { Command, ServedApp } from "@skein/node"
 * import * as Effect from "effect/Effect"
 *
 * const hello = ({ ip, port }: ServedApp.Place) =>
 *   Command.make(process.execPath, ["-e", `require("http").createServer((_, r) => r.end("hello")).listen(${port}, "${ip}")`])
 *
 * const program = Effect.gen(function*() {
 *   const app = yield* ServedApp.make(hello, { ready: { path: "/" } })
 *   const answer = yield* Effect.promise(() => fetch(app.url).then((response) => response.text()))
 *   console.log(answer, app.status().state) // => hello ready
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CommandError } from "./internal/command/failure.ts"
import type { ServedAppError } from "./internal/served/failure.ts"
import { checkOwnPort, type Options, read, templateOf } from "./internal/served/options.ts"
import { type Place, serve, type ServedApp } from "./internal/served/run.ts"

export { Closed, Died, Late, NoPort, NotStarted, PortTaken, type Reason, ServedAppError } from "./internal/served/failure.ts"
export type { Options, Ready, Status } from "./internal/served/options.ts"
export type { Ended, Place, ServedApp } from "./internal/served/run.ts"

/**
 * Starts an app and waits until it is ready. It serves until the scope closes.
 *
 * **Example** (Starting again what dies, with more and more time in between)
 *
 * ```ts
 * import { ServedApp } from "@skein/node"
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 *
 * const restart = Schedule.upTo(Schedule.exponential("10 millis"), { times: 3 })
 * const program = Effect.gen(function*() {
 *   const app = yield* ServedApp.make(`"${process.execPath}" -e 'require("http").createServer(() => process.exit(1)).listen({port}, "{ip}")'`, { restart })
 *   yield* Effect.ignore(Effect.tryPromise(() => fetch(app.url)))
 *   while (app.status().restarts === 0) yield* Effect.sleep(1)
 *   yield* app.awaitReady
 *   console.log(app.status().error?.reason._tag) // => Died
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @throws RangeError if the template is wrong, or an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = <E = never, R = never>(
  app: string | ((place: Place) => Effect.Effect<unknown, E, R>),
  options: Options = {}
): Effect.Effect<ServedApp, ServedAppError, R | Scope.Scope> => {
  const where = "ServedApp.make"
  const spec = read(where, options)
  if (typeof app === "string") {
    checkOwnPort(where, spec, "command")
    const commandOf = templateOf(where, app, spec, options.command)
    return serve(app.trim(), spec, ({ ip, port }): Effect.Effect<unknown, CommandError> => commandOf(ip, port))
  }
  if (typeof app !== "function") throw new TypeError(`${where}: app must be a template or a function, got ${typeof app}`)
  if (options.command !== undefined)
    throw new RangeError(`${where}: command must be left out where app is a function, which makes its command itself`)
  return serve(app.name === "" ? "app" : app.name, spec, app)
}
