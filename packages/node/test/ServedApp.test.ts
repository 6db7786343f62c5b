/** What a served app refuses before anything starts. */
import * as ServedApp from "@skein/node/ServedApp"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"

const refusal = (app: unknown, options?: unknown): string => {
  try {
    void ServedApp.make(app as string, options as ServedApp.Options)
  } catch (error) {
    return String(error)
  }
  return "not refused"
}

const template = "server {ip} {port}"

describe("ServedApp.make", () => {
  it.each([
    ["server {ip}", "{port}"],
    ["server {port}", "{ip}"],
    ["server", "{ip} and {port}"]
  ])("refuses the template %j and says what it lacks", (text, missing) => {
    expect(refusal(text)).toBe(`RangeError: ServedApp.make: app must be a template with {ip} and {port}, got one without ${missing}`)
  })

  it("wants no port in the template of an app that chooses it", () => {
    expect(refusal("server {ip}", { port: "own" })).toBe("not refused")
    expect(refusal("server", { port: "own" })).toBe("RangeError: ServedApp.make: app must be a template with {ip}, got one without {ip}")
  })

  it.each([
    "server {ip} {port} | tee log",
    "server {ip} {port} > log",
    "server '{ip} {port}",
    "A=1 server {ip} {port}",
    "server {ip} {port} $HOME"
  ])("refuses %j, which needs a shell", (text) => {
    expect(refusal(text)).toMatch(/^RangeError: ServedApp\.make: app must be a line without shell syntax, got: /)
  })

  it.each([
    [{ ip: "example.com" }, 'ip must be an IP address or "localhost", got "example.com"'],
    [{ ip: "fe80::1%eth0" }, 'ip must be an IP address or "localhost", got "fe80::1%eth0"'],
    [{ ip: 1 }, 'ip must be an IP address or "localhost", got 1'],
    [{ port: 0 }, 'port must be a whole number from 1 to 65535, "free" or "own", got 0'],
    [{ port: 65_536 }, 'port must be a whole number from 1 to 65535, "free" or "own", got 65536'],
    [{ port: 80.5 }, 'port must be a whole number from 1 to 65535, "free" or "own", got 80.5'],
    [{ port: "80" }, 'port must be a whole number from 1 to 65535, "free" or "own", got "80"'],
    [{ scheme: "http://" }, 'scheme must be the first word of a URL, in small letters, got "http://"'],
    [{ ready: "now" }, 'ready must be "port", { path } or { line }, got "now"'],
    [{ ready: { path: "health" } }, 'ready.path must be a path that starts with / and is encoded, got "health"'],
    [{ ready: { path: "/a b" } }, 'ready.path must be a path that starts with / and is encoded, got "/a b"'],
    [{ ready: { path: "/", status: 200 } }, "ready.status must be a function, got 200"],
    [{ ready: { path: "/" }, scheme: "redis" }, 'scheme must be "http" or "https" if ready is a path, got "redis"'],
    [{ ready: { line: "ready" } }, 'ready.line must be a RegExp, got "ready"'],
    [{ within: 0 }, "within must be a duration above 0, got 0"],
    [{ listener: "own" }, 'listener must be "tree" | "any", got "own"'],
    [{ restart: true }, 'restart must be "never" or a Schedule, got true'],
    [{ onStatus: 1 }, "onStatus must be a function, got 1"]
  ])("refuses %j", (options, message) => {
    expect(refusal(template, options)).toBe(`RangeError: ServedApp.make: ${message}`)
  })

  it("refuses an option that it does not know", () => {
    expect(refusal(template, { host: "localhost" })).toMatch(/^RangeError: ServedApp\.make: .*host/)
  })

  it("refuses an app that is neither template nor function", () => {
    expect(refusal(3)).toBe("TypeError: ServedApp.make: app must be a template or a function, got number")
  })

  it("refuses the options of a command where a function makes the command", () => {
    expect(refusal(() => Effect.never, { command: {} })).toMatch(/^RangeError: ServedApp\.make: command must be left out/)
  })

  it("dies of a line to wait for where there is no command to write it", async () => {
    const app = ServedApp.make(() => Effect.never, { ready: { line: /ready/ } })
    await expect(Effect.runPromise(Effect.scoped(app))).rejects.toThrow(/ready must be "port" or \{ path \} where app makes no Command/)
  })
})
