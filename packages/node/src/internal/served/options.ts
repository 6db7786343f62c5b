/** What an app can be told, and how it is read: everything is checked before anything starts. */
import * as Settings from "@skein/core/Settings"
import type * as Duration from "effect/Duration"
import * as CommandLine from "effect/process/CommandLine"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import { isIP } from "node:net"
import * as Command from "../../Command.ts"
import type { ServedAppError } from "./failure.ts"
import { available } from "./listeners.ts"

/**
 * What says that an app is ready.
 *
 * `port`: its port accepts a connection. `path`: a GET request to the path is answered with a status that `status` accepts, by default one below 400. `line`: it writes a line that matches; a group named `port`, or else the first group,
 * holds the port, if the app chooses that itself.
 *
 * @category options
 * @since 0.1.0
 */
export type Ready =
  | "port"
  | { readonly path: string; readonly status?: ((status: number) => boolean) | undefined }
  | { readonly line: RegExp }

/**
 * How an app is served.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Where it listens: an IP address of this machine, or `localhost`, which is 127.0.0.1 or ::1, whichever answers.
   *
   * @default "127.0.0.1"
   */
  readonly ip?: string | undefined
  /**
   * A number; or `free`: one that nobody has, and another one if somebody takes it before the app does; or `own`: the app is given 0 and chooses. Then it is found by the line of `ready`, or, on Linux, by its listening sockets.
   *
   * @default "free"
   */
  readonly port?: number | "free" | "own" | undefined
  /**
   * What its URL starts with.
   *
   * @default "http"
   */
  readonly scheme?: string | undefined
  /** @default "port" */
  readonly ready?: Ready | undefined
  /**
   * How long it has to become ready, at each start.
   *
   * @default "10 seconds"
   */
  readonly within?: Duration.Input | undefined
  /**
   * Whether the one who listens must belong to the app's process tree, where that can be seen. `any` is for apps that have a daemon listen for them, as `docker run` does.
   *
   * @default "tree"
   */
  readonly listener?: "tree" | "any" | undefined
  /**
   * What happens when it dies after it was ready: the schedule, which is given the error, says when it is started again and when no more. Who ends well has ended.
   *
   * @default "never"
   */
  readonly restart?: "never" | Schedule.Schedule<unknown, ServedAppError> | undefined
  /**
   * The options of a template's command.
   *
   * @default {}
   */
  readonly command?: Command.Options | undefined
  /**
   * Sees each status. What it throws is ignored.
   *
   * @default nobody
   */
  readonly onStatus?: ((status: Status) => void) | undefined
}

/**
 * How an app is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  /** `waiting` is the time between a death and the next start. */
  readonly state: "starting" | "ready" | "waiting" | "ended"
  /** Of its command, where it is one and was started. */
  readonly pid: number | undefined
  /** How often it was started again. */
  readonly restarts: number
  /** Why it last died. */
  readonly error: ServedAppError | undefined
}

/** Options as they were read. */
export interface Spec {
  readonly ip: string
  readonly port: number | "free" | "own"
  readonly scheme: string
  readonly ready: Ready
  /** In milliseconds, `Infinity` for none. */
  readonly within: number
  readonly listener: "tree" | "any"
  readonly restart: Schedule.Schedule<unknown, ServedAppError> | undefined
  readonly onStatus: ((status: Status) => void) | undefined
}

const names = ["ip", "port", "scheme", "ready", "within", "listener", "restart", "command", "onStatus"]

export const read = (where: string, options: Options): Spec => {
  Settings.known(where, options, names)
  const { onStatus, restart } = options
  if (restart !== undefined && restart !== "never" && !Schedule.isSchedule(restart))
    throw Settings.mustBe(where, "restart", `"never" or a Schedule`, restart)
  if (onStatus !== undefined && typeof onStatus !== "function") throw Settings.mustBe(where, "onStatus", "a function", onStatus)
  const scheme = schemeOf(where, options.scheme)
  return {
    ip: ipOf(where, options.ip),
    port: portOf(where, options.port),
    scheme,
    ready: readyOf(where, options.ready, scheme),
    within: options.within === undefined ? 10_000 : Settings.positiveMillis(where, "within", options.within),
    listener: Settings.oneOf(where, "listener", options.listener, ["tree", "any"]),
    restart: restart === "never" ? undefined : restart,
    onStatus
  }
}

const ipOf = (where: string, ip: unknown = "127.0.0.1"): string => {
  // A zone is part of no URL.
  if (typeof ip === "string" && (ip === "localhost" || (isIP(ip) !== 0 && !ip.includes("%")))) return ip
  throw Settings.mustBe(where, "ip", `an IP address or "localhost"`, ip)
}

const portOf = (where: string, port: unknown = "free"): Spec["port"] => {
  if (port === "free" || port === "own") return port
  if (typeof port === "number" && Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw Settings.mustBe(where, "port", `a whole number from 1 to 65535, "free" or "own"`, port)
}

const schemeOf = (where: string, scheme: unknown = "http"): string => {
  if (typeof scheme === "string" && /^[a-z][a-z0-9+.-]*$/.test(scheme)) return scheme
  throw Settings.mustBe(where, "scheme", "the first word of a URL, in small letters", scheme)
}

const readyOf = (where: string, ready: Ready | undefined = "port", scheme: string): Ready => {
  if (ready === "port") return ready
  if (typeof ready === "object" && ready !== null) {
    if ("path" in ready) {
      Settings.known(where, ready, ["path", "status"])
      if (typeof ready.path !== "string" || !/^\/[!-~]*$/.test(ready.path))
        throw Settings.mustBe(where, "ready.path", "a path that starts with / and is encoded", ready.path)
      if (ready.status !== undefined && typeof ready.status !== "function")
        throw Settings.mustBe(where, "ready.status", "a function", ready.status)
      if (scheme !== "http" && scheme !== "https") throw Settings.mustBe(where, "scheme", `"http" or "https" if ready is a path`, scheme)
      return ready
    }
    if ("line" in ready) {
      Settings.known(where, ready, ["line"])
      if (!(ready.line instanceof RegExp)) throw Settings.mustBe(where, "ready.line", "a RegExp", ready.line)
      // Those flags would make a match depend on the one before.
      return { line: new RegExp(ready.line.source, ready.line.flags.replace(/[gy]/g, "")) }
    }
  }
  throw Settings.mustBe(where, "ready", `"port", { path } or { line }`, ready)
}

/** Where nothing else can tell the port that an app chose, it is refused. */
export const checkOwnPort = (where: string, { port, ready }: Spec, form: "command" | "function"): void => {
  if (port !== "own" || form === "function" || available) return
  if (typeof ready === "object" && "line" in ready && new RegExp(`${ready.line.source}|`).exec("")!.length > 1) return
  throw Settings.mustBe(where, "ready", "a line with a group that holds the port, where listening sockets cannot be looked at", ready)
}

/** Makes the commands of a template. */
export const templateOf = (
  where: string,
  text: string,
  spec: Spec,
  options: Command.Options = {}
): ((ip: string, port: number) => Command.Command) => {
  const parts = text.split(/\{(ip|port)\}/)
  const holes = parts.filter((_, index) => index % 2 === 1)
  const texts = parts.filter((_, index) => index % 2 === 0)
  const needed = spec.port === "own" ? ["ip"] : ["ip", "port"]
  const missing = needed.filter((name) => !holes.includes(name))
  if (missing.length > 0) {
    throw new RangeError(
      `${where}: app must be a template with ${needed.map((name) => `{${name}}`).join(" and ")}, got one without ${missing.map((name) => `{${name}}`).join(" and ")}`
    )
  }
  const strings = Object.assign(texts, { raw: texts })
  const commandOf = (ip: string, port: number): Command.Command => {
    const words = CommandLine.template(strings, ...holes.map((name) => (name === "ip" ? ip : String(port))))
    if (Result.isFailure(words)) throw new RangeError(`${where}: app must be a line without shell syntax, got: ${words.failure.message}`)
    const [program, ...args] = words.success
    return Command.make(program as string, args, options)
  }
  // Whatever is wrong with it is wrong with each.
  void commandOf(spec.ip, 0)
  return commandOf
}
