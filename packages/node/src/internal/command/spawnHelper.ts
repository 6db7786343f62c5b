/**
 * Has programs spawned by a small process, so that a start costs this process's event loop the same however much memory it has.
 *
 * The helper starts with the first command and ends with its owner, or with this process. If it dies, what runs through it is lost, and the next command gets another.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Config, controlFd, headerBytes, lines, readHeader, type Reply, type Request } from "./spawnWire.ts"
import { type Child, Current, type End, type Plan, type Refusal, type Starter } from "./starter.ts"

export interface Options {
  /**
   * The file that the helper starts with.
   *
   * @default that of this package
   */
  readonly boot?: URL | undefined
  /**
   * A helper that takes longer than this for one start, in milliseconds, is taken for dead.
   *
   * @default 30000
   */
  readonly patience?: number | undefined
}

const ignore = (): void => {}

/** One start, from its request to its end. */
class Call {
  readonly streams: Array<Socket | undefined> = [undefined, undefined, undefined]
  readonly wanted: number
  readonly started: (result: Child | Refusal) => void
  pid: number | undefined
  end: End | undefined
  onEnd: (end: End) => void = ignore
  timer: NodeJS.Timeout | undefined

  constructor(plan: Plan, started: (result: Child | Refusal) => void) {
    this.wanted = [plan.stdin, plan.stdout, plan.stderr].filter((stream) => stream === "pipe").length
    this.started = started
  }

  get connected(): number {
    return this.streams.filter((stream) => stream !== undefined).length
  }

  drop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    for (const stream of this.streams) stream?.destroy()
  }
}

class Helper {
  readonly #secret = randomBytes(16).toString("hex")
  readonly #calls = new Map<number, Call>()
  readonly #strangers = new Set<Socket>()
  readonly #server: Server
  readonly #directory: string | undefined
  readonly #user = userOf()
  readonly #patience: number
  #process: ChildProcess | undefined
  #control: Socket | undefined
  #waiting: Array<string> | undefined = []
  #last = 0
  #dead: { readonly code: string; readonly message: string } | undefined

  constructor(boot: URL, patience: number) {
    this.#patience = patience
    // An abstract name leaves no file; where there are none, a directory that only this user may enter.
    this.#directory = process.platform === "linux" ? undefined : fs.mkdtempSync(join(tmpdir(), "skein-"))
    const address = this.#directory === undefined ? `\0skein-${randomBytes(16).toString("hex")}` : join(this.#directory, "socket")
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#greet(socket))
    this.#server.on("error", (error) => this.#die(error))
    this.#server.unref()
    this.#server.listen({ path: address, backlog: 4096 }, () => this.#spawn(boot, { address, secret: this.#secret }))
  }

  get dead(): boolean {
    return this.#dead !== undefined
  }

  /** Whoever has become another user since must not have anything started with the rights of before. */
  get fits(): boolean {
    return !this.dead && this.#user === userOf()
  }

  get idle(): boolean {
    return this.#calls.size === 0
  }

  start(plan: Plan, started: (result: Child | Refusal) => void): void {
    const { args, env, program, stderr, stdin, stdout } = plan
    let directory: string
    try {
      directory = plan.directory ?? process.cwd()
    } catch (error) {
      return started(refusal("program", error))
    }
    const id = (this.#last = (this.#last + 1) >>> 0)
    const call = new Call(plan, started)
    this.#calls.set(id, call)
    // An answer may be there already that this busy process has not read: it is, one turn later.
    call.timer = setTimeout(
      () => setImmediate(() => call.timer !== undefined && this.#die({ code: "ETIMEDOUT", message: "it does not answer" })),
      this.#patience
    )
    const request: Request = { id, program, args, directory, env, umask: process.umask(), stdio: [stdin, stdout, stderr] }
    const line = `${JSON.stringify(request)}\n`
    if (this.#waiting !== undefined) this.#waiting.push(line)
    else this.#control!.write(line)
    this.#control?.ref()
  }

  /** Whoever still runs is lost. */
  async close(): Promise<void> {
    this.#die({ code: "ECANCELED", message: "it has been closed" })
    const child = this.#process
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    await new Promise((resolve) => child.once("exit", resolve))
  }

  #spawn(boot: URL, config: Config): void {
    try {
      const { NODE_OPTIONS: _, ...env } = process.env
      const child = spawn(process.execPath, [fileURLToPath(boot), JSON.stringify(config)], {
        cwd: "/",
        detached: true,
        env,
        stdio: ["inherit", "inherit", "inherit", "pipe"]
      })
      this.#process = child
      child.on("error", (error) => this.#die(error))
      child.once("exit", (code, signal) => {
        this.#die({ code: "EPIPE", message: `it ended with ${signal ?? `exit code ${code}`}` })
      })
      child.unref()
      const control = child.stdio[controlFd] as Socket | undefined
      if (control === undefined) return
      this.#control = control
      control.setEncoding("utf8")
      control.on(
        "data",
        lines<Reply>((message) => this.#receive(message))
      )
      control.on("error", ignore)
      // How it ended comes with its exit, and until then it is waited for.
      control.on("close", () => child.ref())
      for (const line of this.#waiting ?? []) control.write(line)
      this.#waiting = undefined
      if (this.idle) control.unref()
    } catch (error) {
      this.#die(error as NodeJS.ErrnoException)
    }
  }

  /** A new socket says first whose stream it is. */
  #greet(socket: Socket): void {
    this.#strangers.add(socket)
    socket.on("error", ignore)
    socket.once("close", () => this.#strangers.delete(socket))
    const read = (): void => {
      const bytes = socket.read(headerBytes) as Buffer | null
      if (bytes === null) return
      socket.off("readable", read)
      this.#strangers.delete(socket)
      const { id, secret, stream } = readHeader(bytes)
      const call = this.#calls.get(id)
      if (secret !== this.#secret || call === undefined || this.dead) return void socket.destroy()
      call.streams[stream] = socket
      this.#settle(id, call)
    }
    socket.on("readable", read)
  }

  #receive(message: Reply): void {
    const call = this.#calls.get(message.id)
    if (call === undefined) return
    if ("of" in message) {
      this.#over(message.id)
      call.drop()
      call.started({ of: message.of, code: message.code, message: message.message })
    } else if ("pid" in message) {
      call.pid = message.pid
      this.#settle(message.id, call)
    } else {
      call.end = { exitCode: message.exitCode, signal: message.signal }
      this.#settle(message.id, call)
    }
  }

  /** It has started when its process id and its streams are there, in whatever order they come; then it may end. */
  #settle(id: number, call: Call): void {
    if (call.pid === undefined || call.connected < call.wanted) return
    if (call.timer !== undefined) {
      clearTimeout(call.timer)
      call.timer = undefined
      call.started(childOf(call, call.pid))
    }
    if (call.end === undefined) return
    this.#over(id)
    call.streams[0]?.destroy()
    call.onEnd(call.end)
  }

  #over(id: number): void {
    this.#calls.delete(id)
    if (this.idle) this.#control?.unref()
  }

  #die(error: { readonly code?: string | undefined; readonly message: string }): void {
    if (this.#dead !== undefined) return
    const { code = "UNKNOWN", message } = error
    this.#dead = { code, message }
    this.#server.close()
    for (const stranger of this.#strangers) stranger.destroy()
    this.#control?.destroy()
    this.#process?.kill("SIGKILL")
    if (this.#directory !== undefined) fs.rmSync(this.#directory, { recursive: true, force: true })
    for (const [id, call] of [...this.#calls]) {
      this.#calls.delete(id)
      const said = `the helper that starts programs: ${message}`
      if (call.timer !== undefined) {
        call.drop()
        call.started({ of: "starter", code, message: said })
      } else {
        call.end = { exitCode: null, signal: null, lost: said }
        call.onEnd(call.end)
      }
    }
  }
}

const childOf = (call: Call, pid: number): Child => {
  const [stdin = null, stdout = null, stderr = null] = call.streams
  return {
    pid,
    stdin,
    stdout,
    stderr,
    onEnd: (listener) => {
      if (call.end === undefined) call.onEnd = listener
      else queueMicrotask(() => listener(call.end!))
    }
  }
}

const refusal = (of: Refusal["of"], error: unknown): Refusal => {
  const { code, message } = error as NodeJS.ErrnoException
  return { of, code: code ?? "UNKNOWN", message }
}

const userOf = (): string => [process.geteuid?.(), process.getegid?.(), process.getgroups?.()].join()

const ourBoot = (): URL => new URL(`../../boot/spawner.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)

/** A starter of its own helper, and how to end that. */
const open = ({ boot = ourBoot(), patience = 30_000 }: Options = {}): Starter & { readonly close: () => Promise<void> } => {
  let helper: Helper | undefined
  const retired = new Set<Helper>()
  return {
    start: (plan) =>
      Effect.callback<Child, Refusal>((resume) => {
        if (helper === undefined || !helper.fits) {
          for (const old of retired) if (old.idle) void old.close().then(() => retired.delete(old))
          if (helper !== undefined) retired.add(helper)
          helper = new Helper(boot, patience)
        }
        helper.start(plan, (result) => resume("pid" in result ? Effect.succeed(result) : Effect.fail(result)))
      }),
    close: async () => {
      const all = helper === undefined ? [...retired] : [...retired, helper]
      helper = undefined
      await Promise.all(all.map((one) => one.close()))
    }
  }
}

/** Commands that run with this layer are spawned by a helper, which ends with it. */
export const layer = (options: Options = {}): Layer.Layer<never> =>
  Layer.effect(
    Current,
    Effect.acquireRelease(
      Effect.sync(() => open(options)),
      (starter) => Effect.promise(starter.close)
    )
  )
