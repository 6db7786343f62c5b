// Real here: the processes and the signals between them, and so the time they take.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"

const children: Array<ChildProcess> = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

/** Starts a program that listens for signals and says `ready`. `body` has `stop` and `say`. */
const start = async (body: string, options = "{}") => {
  const source = `
    import { Signals } from "@skein/node"
    import * as Effect from "effect/Effect"
    const say = (text) => Effect.sync(() => process.stdout.write(text + "\\n"))
    const program = Effect.gen(function*() {
      const stop = yield* Signals.stopOn(${options})
      yield* say("ready")
      ${body}
    })
    await Effect.runPromise(Effect.scoped(program))
  `
  const cwd = fileURLToPath(new URL("..", import.meta.url))
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], { cwd, stdio: ["ignore", "pipe", "inherit"] })
  children.push(child)
  let output = ""
  child.stdout.setEncoding("utf8").on("data", (chunk) => (output += chunk))
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (output.includes(text)) resolve()
        else if (child.stdout.readableEnded)
          reject(new Error(`it ended without saying ${JSON.stringify(text)}; it said ${JSON.stringify(output)}`))
      }
      child.stdout.on("data", look).on("end", look)
      look()
    })
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, output }))
  await said("ready\n")
  return { child, said, ended }
}

describe("Signals.stopOn in a process of its own", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("lets the work answer %s, and the process end by itself", async (signal) => {
    const { child, ended } = await start(
      `yield* say("stopped by " + (yield* stop.await) + ", " + stop.signal.reason + ", " + stop.received())`
    )
    child.kill(signal)
    expect(await ended).toEqual({ code: 0, signal: null, output: `ready\nstopped by ${signal}, ${signal}, ${signal}\n` })
  })

  it("exits at once at the second signal, with its code", async () => {
    const { child, ended, said } = await start(
      `yield* stop.await; yield* say("first"); yield* Effect.uninterruptible(Effect.sleep("1 hour"))`
    )
    child.kill("SIGINT")
    await said("first\n")
    child.kill("SIGTERM")
    expect(await ended).toEqual({ code: 143, signal: null, output: "ready\nfirst\n" })
  })

  it("takes a copy that arrives with the first signal for no second one", async () => {
    const { child, ended } = await start(`
      yield* stop.await
      process.kill(process.pid, "SIGINT")
      yield* Effect.sleep("50 millis")
      yield* say("still here")
    `)
    child.kill("SIGINT")
    expect(await ended).toEqual({ code: 0, signal: null, output: "ready\nstill here\n" })
  })

  it("ignores further signals if it is told to", async () => {
    const { child, ended, said } = await start(
      `
        const enough = new Promise((resolve) => process.once("SIGUSR2", resolve))
        yield* stop.await
        yield* say("first")
        yield* Effect.promise(() => enough)
        yield* say("done")
      `,
      `{ onSecond: "ignore" }`
    )
    child.kill("SIGINT")
    await said("first\n")
    child.kill("SIGTERM")
    child.kill("SIGUSR2")
    expect(await ended).toEqual({ code: 0, signal: null, output: "ready\nfirst\ndone\n" })
  })

  it("gives the signals back when the scope closes", async () => {
    const { child, ended, said } = await start(`
      setInterval(() => {}, 1000)
      const closed = () => process.stdout.write("closed " + process.listenerCount("SIGTERM") + "\\n")
      yield* Effect.addFinalizer(() => Effect.sync(() => setImmediate(closed)))
    `)
    await said("closed 0\n")
    child.kill("SIGTERM")
    expect(await ended).toMatchObject({ code: null, signal: "SIGTERM" })
  })
})
